package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/delivery"
)

// archive shows the objects of the archive and, of the Parquet files, the rows.
func (s *show) archive(ctx context.Context, m *made) (int, error) {
	client := s3.NewFromConfig(s.server.AWSConfig(), func(o *s3.Options) { o.UsePathStyle = true })
	out, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &m.ArchiveBucket})
	if err != nil {
		return 0, err
	}
	heading("Objects in S3 ("+m.ArchiveBucket+")", len(out.Contents))
	for _, o := range out.Contents[max(0, len(out.Contents)-shown):] {
		fmt.Printf("    %4d bytes  %s\n", aws.ToInt64(o.Size), aws.ToString(o.Key))
	}
	var rows []archivedRow
	for _, o := range out.Contents {
		if !strings.HasSuffix(aws.ToString(o.Key), ".parquet") {
			continue
		}
		object, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &m.ArchiveBucket, Key: o.Key})
		if err != nil {
			return 0, err
		}
		body, err := io.ReadAll(object.Body)
		object.Body.Close()
		if err != nil {
			return 0, err
		}
		more, err := parquet.Read[archivedRow](bytes.NewReader(body), int64(len(body)))
		if err != nil {
			return 0, fmt.Errorf("reading %s: %w", aws.ToString(o.Key), err)
		}
		rows = append(rows, more...)
	}
	if len(rows) > 0 {
		heading("Rows in the Parquet files", len(rows))
		for _, r := range rows[max(0, len(rows)-shown):] {
			fmt.Println("    " + r.text())
		}
	}
	return len(out.Contents), nil
}

// archivedRow is a part of a row of the archive's table (contract.ArchiveColumns).
type archivedRow struct {
	Thing    string             `parquet:"thing,optional"`
	Time     *deprecated.Int96  `parquet:"time"`
	Kind     string             `parquet:"kind,optional"`
	Measures map[string]float64 `parquet:"measures,optional"`
	Payload  string             `parquet:"payload,optional"`
}

func (r archivedRow) text() string {
	text := r.Thing
	if r.Time != nil {
		text = delivery.Time(*r.Time).Format("2006-01-02 15:04:05.000") + "  " + text
	}
	text += "  " + r.Kind
	for _, name := range slices.Sorted(maps.Keys(r.Measures)) {
		text += fmt.Sprintf("  %s=%v", name, r.Measures[name])
	}
	if len(r.Measures) == 0 {
		text += "  " + r.Payload
	}
	return text
}
