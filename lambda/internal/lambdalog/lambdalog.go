// Package lambdalog creates the functions' structured logger. It writes JSON lines, which Lambda's log-level settings
// apply to.
//
// Log levels need the JSON format [AWS 8 LoggingConfig], so the lines are JSON whatever AWS_LAMBDA_LOG_FORMAT says. The
// package must not know what is logged; callers log payloads only at the debug level.
package lambdalog

import (
	"context"
	"io"
	"log/slog"
	"strings"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// New returns a logger that writes messages at or above level to w: TRACE, DEBUG, INFO, WARN, ERROR or FATAL, as in
// AWS_LAMBDA_LOG_LEVEL; empty or unknown means INFO. The lines of an invocation carry its request ID.
func New(w io.Writer, level string) *slog.Logger {
	return slog.New(requestID{slog.NewJSONHandler(w, &slog.HandlerOptions{
		Level: parse(level), ReplaceAttr: lambdacontext.ReplaceAttr,
	})})
}

func parse(level string) slog.Level {
	switch strings.ToUpper(level) {
	case "TRACE", "DEBUG":
		return slog.LevelDebug
	case "WARN":
		return slog.LevelWarn
	case "ERROR":
		return slog.LevelError
	case "FATAL":
		return slog.LevelError + 4
	}
	return slog.LevelInfo
}

// requestID adds the invocation's request ID, from its context, to each line.
type requestID struct{ slog.Handler }

// Handle implements slog.Handler.
func (h requestID) Handle(ctx context.Context, r slog.Record) error {
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		r.AddAttrs(slog.String("requestId", lc.AwsRequestID))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h requestID) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestID{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h requestID) WithGroup(name string) slog.Handler { return requestID{h.Handler.WithGroup(name)} }
