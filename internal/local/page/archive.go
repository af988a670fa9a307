package page

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/delivery"
)

// Limits of what is shown of the archive.
const (
	maxObjects = 500
	maxObject  = 32 << 20 // bytes
	maxRows    = 500
)

// keyBucket is the key of the pipeline's bucket in the manifest.
const keyBucket = "bucket"

// archived is an object of the pipeline's bucket.
type archived struct {
	Key   string    `json:"key"`
	Bytes int64     `json:"bytes"`
	Time  time.Time `json:"time"`
}

// archive lists the newest objects of the pipeline's bucket.
func (s *Server) archive(r *http.Request) (any, error) {
	manifest, err := s.options.Runtime.Manifest(r.Context())
	if err != nil {
		return nil, err
	}
	bucket := manifest.Parts[keyBucket]
	list := []archived{}
	if bucket == "" {
		return map[string]any{"objects": list}, nil
	}
	pages := s3.NewListObjectsV2Paginator(s.options.Runtime.Clients().S3(), &s3.ListObjectsV2Input{Bucket: &bucket})
	count := 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(r.Context())
		if err != nil {
			return nil, err
		}
		for _, o := range page.Contents {
			list = append(list, archived{aws.ToString(o.Key), aws.ToInt64(o.Size), aws.ToTime(o.LastModified)})
		}
		count += len(page.Contents)
		slices.SortFunc(list, func(a, b archived) int { return b.Time.Compare(a.Time) })
		list = list[:min(len(list), maxObjects)]
	}
	return map[string]any{"bucket": bucket, "objects": list, "count": count}, nil
}

// row is a row of the archive's table (contract.ArchiveColumns).
type row struct {
	Thing    string             `parquet:"thing,optional"`
	Time     *deprecated.Int96  `parquet:"time"`
	Arrived  *deprecated.Int96  `parquet:"arrived_at"`
	Kind     string             `parquet:"kind,optional"`
	Measures map[string]float64 `parquet:"measures,optional"`
	Texts    map[string]string  `parquet:"texts,optional"`
	Flags    map[string]bool    `parquet:"flags,optional"`
	Payload  string             `parquet:"payload,optional"`
	Number   string             `parquet:"sequence_number,optional"`
}

// shownRow is a row as the page shows it.
type shownRow struct {
	Thing    string         `json:"thing"`
	Time     time.Time      `json:"time,omitzero"`
	Arrived  time.Time      `json:"arrived_at,omitzero"`
	Kind     string         `json:"kind"`
	Measures map[string]any `json:"measures"` // with texts and flags
	Payload  string         `json:"payload"`
	Number   string         `json:"sequence_number"`
}

// rows shows an object: the rows of a Parquet file, or else its text.
func (s *Server) rows(r *http.Request) (any, error) {
	manifest, err := s.options.Runtime.Manifest(r.Context())
	if err != nil {
		return nil, err
	}
	key := r.URL.Query().Get("key")
	body, err := s.object(r.Context(), "s3://"+manifest.Parts[keyBucket]+"/"+key)
	if err != nil {
		return nil, err
	}
	if len(body) > maxObject {
		return nil, problem{http.StatusRequestEntityTooLarge, "the object exceeds 32 MB"}
	}
	if strings.HasSuffix(key, ".parquet") {
		return readRows(body)
	}
	if unpacked, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
		if body, err = io.ReadAll(io.LimitReader(unpacked, maxObject)); err != nil {
			return nil, invalid("the object cannot be unpacked: %v", err)
		}
	}
	const most = 64 << 10
	text := shown(body)
	if len(body) <= most && !strings.HasPrefix(text, "base64:") {
		text = string(body)
	}
	return map[string]any{"text": text}, nil
}

func readRows(body []byte) (any, error) {
	all, err := parquet.Read[row](bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return nil, invalid("the object is not a Parquet file of the archive's table: %v", err)
	}
	list := []shownRow{}
	for _, r := range all[:min(len(all), maxRows)] {
		shown := shownRow{Thing: r.Thing, Kind: r.Kind, Payload: shown([]byte(r.Payload)), Number: r.Number,
			Measures: map[string]any{}}
		if r.Time != nil {
			shown.Time = delivery.Time(*r.Time)
		}
		if r.Arrived != nil {
			shown.Arrived = delivery.Time(*r.Arrived)
		}
		for name, v := range r.Measures {
			shown.Measures[name] = v
		}
		for name, v := range r.Texts {
			shown.Measures[name] = v
		}
		for name, v := range r.Flags {
			shown.Measures[name] = v
		}
		list = append(list, shown)
	}
	return map[string]any{"rows": list, "count": len(all)}, nil
}
