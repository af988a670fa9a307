package endtoend_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/parquet-go/parquet-go"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

// archived returns how often the Parquet files of the batched archive hold each payload of a thing.
func (w *deployment) archived(t *testing.T, thing string) map[string]int {
	t.Helper()
	type row struct {
		Thing   string `parquet:"thing,optional"`
		Payload string `parquet:"payload,optional"`
	}
	bucket := name + "-" + mototest.AccountID + "-" + mototest.Region
	payloads := map[string]int{}
	for _, o := range must(w.aws.S3().ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket,
		Prefix: aws.String("telemetry/day=")}))(t).Contents {
		object := must(w.aws.S3().GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: o.Key}))(t)
		body := must(io.ReadAll(object.Body))(t)
		object.Body.Close()
		for _, r := range must(parquet.Read[row](bytes.NewReader(body), int64(len(body))))(t) {
			if r.Thing == thing && r.Payload != "" {
				payloads[r.Payload]++
			}
		}
	}
	return payloads
}
