package processor

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite"
	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/iot-pipeline/terraform-provider-iot/internal/jsontext"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

const (
	deviceDimension = "device_id"
	multiName       = "telemetry" // the measure name of every record of the multi layout
)

// writeRecords makes one WriteRecords call for the rows. The SDK does endpoint discovery, signing, retries and errors.
// The body is written here, straight from the measures: the SDK's own types (a pointer per name, value and time) and
// their serializer cost more than everything else that the processor does with a batch.
func (h *history) writeRecords(ctx context.Context, b *batch, rows []row) error {
	body := h.body(b, rows)
	_, err := h.client.WriteRecords(ctx,
		// The SDK checks that the three required members are present.
		&timestreamwrite.WriteRecordsInput{DatabaseName: &h.database, TableName: &h.table, Records: []types.Record{}},
		func(o *timestreamwrite.Options) {
			o.APIOptions = append(o.APIOptions, replaceBody("Timestream_20181101.WriteRecords", body))
		})
	return err
}

// replaceBody makes one call of a client send body. The target is the service's and the operation's name.
func replaceBody(target string, body []byte) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		_, err := stack.Serialize.Swap("OperationSerializer", serializer{target, body})
		return err
	}
}

// serializer replaces the SDK's serializer for one call in AWS's JSON protocol.
type serializer struct {
	target string
	body   []byte
}

// ID is the name of the step that it replaces.
func (serializer) ID() string { return "OperationSerializer" }

// HandleSerialize builds the HTTP request.
func (s serializer) HandleSerialize(
	ctx context.Context,
	in middleware.SerializeInput,
	next middleware.SerializeHandler,
) (middleware.SerializeOutput, middleware.Metadata, error) {
	request, ok := in.Request.(*smithyhttp.Request)
	if !ok {
		return middleware.SerializeOutput{}, middleware.Metadata{}, fmt.Errorf(
			"writing %s: unknown transport %T",
			s.target,
			in.Request,
		)
	}
	request.Method = "POST"
	if request.URL.Path == "" {
		request.URL.Path = "/"
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.0")
	request.Header.Set("X-Amz-Target", s.target)
	request, err := request.SetStream(bytes.NewReader(s.body))
	if err != nil {
		return middleware.SerializeOutput{}, middleware.Metadata{}, err
	}
	in.Request = request
	return next.HandleSerialize(ctx, in)
}

// body writes the JSON of WriteRecordsInput. What all rows share, usually including the device, is in CommonAttributes
// once.
func (h *history) body(b *batch, rows []row) []byte {
	common := oneDevice(b, rows)
	out := make([]byte, 0, 512+len(rows)*h.rowSize(b, rows[0]))
	out = jsontext.AppendString(append(out, `{"DatabaseName":`...), h.database)
	out = jsontext.AppendString(append(out, `,"TableName":`...), h.table)
	out = append(out, `,"CommonAttributes":{"TimeUnit":"MILLISECONDS"`...)
	if !h.single {
		out = append(out, `,"MeasureName":"`+multiName+`","MeasureValueType":"MULTI"`...)
	}
	if common {
		out = appendDevice(out, b, rows[0])
	}
	out = append(out, `},"Records":[`...)
	for i, r := range rows {
		if i > 0 {
			out = append(out, ',')
		}
		m := &b.readings[r.reading]
		out = strconv.AppendInt(append(out, `{"Time":"`...), m.Time.UnixMilli(), 10)
		out = strconv.AppendInt(append(out, `","Version":`...), r.version, 10)
		if !common {
			out = appendDevice(out, b, r)
		}
		if r.measure >= 0 {
			out = appendSingle(out, &m.Measures[r.measure])
		} else {
			out = h.appendMulti(out, m.Measures)
		}
		out = append(out, '}')
	}
	return append(out, `]}`...)
}

// rowSize estimates the size of a row in bytes; the rows of a call are alike.
func (h *history) rowSize(b *batch, r row) int {
	size := 160
	for _, m := range b.readings[r.reading].Measures {
		if r.measure < 0 {
			size += 48 + len(m.Name) + len(m.Text)
		}
	}
	return size
}

func oneDevice(b *batch, rows []row) bool {
	for _, r := range rows[1:] {
		if b.of(r.reading).PartitionKey != b.of(rows[0].reading).PartitionKey {
			return false
		}
	}
	return true
}

func appendDevice(out []byte, b *batch, r row) []byte {
	out = jsontext.AppendString(
		append(out, `,"Dimensions":[{"Name":"`+deviceDimension+`","Value":`...),
		b.of(r.reading).PartitionKey,
	)
	return append(out, `}]`...)
}

func appendSingle(out []byte, m *telemetry.Measure) []byte {
	out = jsontext.AppendString(append(out, `,"MeasureName":`...), m.Name)
	out = jsontext.AppendString(append(out, `,"MeasureValue":`...), m.Text)
	return append(append(append(out, `,"MeasureValueType":"`...), valueType(m.Kind)...), '"')
}

func (h *history) appendMulti(out []byte, measures []telemetry.Measure) []byte {
	out = append(out, `,"MeasureValues":[`...)
	first := true
	for i := range measures {
		m := &measures[i]
		if !h.writes(m) {
			continue
		}
		if !first {
			out = append(out, ',')
		}
		first = false
		out = jsontext.AppendString(append(out, `{"Name":`...), m.Name)
		out = jsontext.AppendString(append(out, `,"Value":`...), m.Text)
		out = append(append(append(out, `,"Type":"`...), valueType(m.Kind)...), `"}`...)
	}
	return append(out, ']')
}

func valueType(k telemetry.Kind) string {
	switch k {
	case telemetry.Bool:
		return "BOOLEAN"
	case telemetry.String:
		return "VARCHAR"
	}
	return "DOUBLE"
}
