package lambdalog

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

func TestLevels(t *testing.T) {
	for level, least := range map[string]slog.Level{
		"TRACE": slog.LevelDebug, "DEBUG": slog.LevelDebug, "debug": slog.LevelDebug, "INFO": slog.LevelInfo,
		"": slog.LevelInfo, "LOUD": slog.LevelInfo,
		"WARN": slog.LevelWarn, "ERROR": slog.LevelError, "FATAL": slog.LevelError + 4,
	} {
		log := New(&bytes.Buffer{}, level)
		for _, at := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError,
			slog.LevelError + 4} {
			if got := log.Enabled(t.Context(), at); got != (at >= least) {
				t.Errorf("at %q a line of level %v is printed: %v", level, at, got)
			}
		}
	}
}

func TestLinesAreAsLambdaWantsThem(t *testing.T) {
	var out bytes.Buffer
	ctx := lambdacontext.NewContext(context.Background(), &lambdacontext.LambdaContext{AwsRequestID: "request-1"})
	New(&out, "").With("pipeline", "greenhouse").WarnContext(ctx,
		"record cannot be stored; sending it to the dead-letter queue", "reason", "not_json")
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if line["timestamp"] == nil || line["level"] != "WARN" ||
		line["message"] != "record cannot be stored; sending it to the dead-letter queue" ||
		line["requestId"] != "request-1" ||
		line["pipeline"] != "greenhouse" ||
		line["reason"] != "not_json" {
		t.Errorf("line %s", out.String())
	}
}
