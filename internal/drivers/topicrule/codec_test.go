package topicrule

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

// fill sets every field below v. Each text is the name of its field.
func fill(v reflect.Value, name string) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), name)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Name == "Version" { // of a header; AWS does not have it
				continue
			}
			fill(v.Field(i), v.Type().Field(i).Name)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), name)
		fill(v.Index(1), name)
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{name: name}))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32:
		v.SetInt(1)
	default:
		v.SetString(name)
	}
}

// actions holds one action of each kind with every member set.
func actions() map[string]spec.Action {
	all := map[string]spec.Action{}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[spec.Action]()) {
		var a spec.Action
		fill(reflect.ValueOf(&a).Elem().FieldByIndex(field.Index), field.Name)
		if a.HTTP != nil { // AWS has limits
			a.HTTP.Batch = &spec.HTTPBatch{MaxOpenMS: 5, MaxSize: 2, MaxBytes: 100, AcrossTopics: true}
		}
		if a.IoTSiteWise != nil { // a value has one of four types
			for i, kind := range []string{"boolean", "double", "integer", "string"} {
				a.IoTSiteWise.Entries[i/2].Values[i%2].Type = kind
			}
		}
		all[field.Name] = a
	}
	return all
}

func TestEveryActionDecodesAsEncoded(t *testing.T) {
	for name, want := range actions() {
		encoded := encode(want)
		if diff := cmp.Diff(want, decode(encoded)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		var kinds []string
		v := reflect.ValueOf(encoded)
		for _, field := range reflect.VisibleFields(v.Type()) {
			if f := v.FieldByIndex(field.Index); f.Kind() == reflect.Pointer && !f.IsNil() {
				kinds = append(kinds, field.Name)
			}
		}
		if len(kinds) != 1 || !strings.EqualFold(kinds[0], name) {
			t.Errorf("%s is encoded as %v", name, kinds)
		}
		if err := misplaced("", toJSON(t, encoded)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func toJSON(t *testing.T, v any) any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	return tree
}

// misplaced finds a text that fill wrote to a field and that is now in a member of another name.
func misplaced(path string, v any) error {
	switch v := v.(type) {
	case string:
		if field := strings.ToLower(v); !strings.HasSuffix(path, field) && !strings.HasSuffix(path, field+"name") {
			return fmt.Errorf("field %s is encoded as %s", v, path)
		}
	case []any:
		for _, member := range v {
			if err := misplaced(path, member); err != nil {
				return err
			}
		}
	case map[string]any:
		for key, member := range v {
			if err := misplaced(path+strings.ToLower(key), member); err != nil {
				return err
			}
		}
	}
	return nil
}

func TestEveryActionIsReadAsWritten(t *testing.T) {
	server := mototest.Start(t)
	d := New(drivertest.Clients(t, server))
	for _, action := range []string{"actions[0]", "errorAction"} {
		for _, member := range []string{
			"dynamoDB.hashKeyType", "dynamoDB.rangeKeyType", "firehose.separator", "s3.cannedAcl", "sns.messageFormat",
			"openSearch.endpoint",
		} {
			member = "topicRulePayload." + action + "." + member
			server.Allow(t, mototest.Violation{Service: "iot", Operation: "CreateTopicRule", Member: member},
				"each text is the name of its field, so that none can be mistaken for another")
		}
	}
	for name, a := range actions() {
		ref := assembly.Ref{Name: "one", Owner: drivertest.Owner}
		want := spec.TopicRule{SQL: "SELECT * FROM 'a'", Actions: []spec.Action{a}, ErrorAction: &a}
		if _, err := d.Create(t.Context(), ref, want); err != nil {
			t.Fatal(err)
		}
		got, err := d.Observe(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.Actions, got.Spec.Actions); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if changes := d.Diff(got.Spec, want); len(changes) > 0 {
			t.Errorf("%s: %v", name, changes)
		}
		if err := d.Delete(t.Context(), ref); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDefaultsAreNotADifference(t *testing.T) {
	d := New(awsapi.New(aws.Config{}, awsapi.Options{}))
	rule := func(a spec.Action) spec.TopicRule { return spec.TopicRule{Actions: []spec.Action{a}} }
	dynamoDB := func(a spec.DynamoDBAction) spec.Action { return spec.Action{DynamoDB: &a} }
	for _, tc := range []struct{ have, want spec.Action }{
		{spec.Action{SNS: &spec.SNSAction{MessageFormat: "RAW"}}, spec.Action{SNS: &spec.SNSAction{}}},
		{spec.Action{S3: &spec.S3Action{CannedACL: "private"}}, spec.Action{S3: &spec.S3Action{}}},
		{dynamoDB(spec.DynamoDBAction{HashKeyType: "STRING", PayloadField: "payload", Operation: "INSERT"}),
			dynamoDB(spec.DynamoDBAction{})},
		{dynamoDB(spec.DynamoDBAction{RangeKeyField: "r", RangeKeyType: "STRING"}),
			dynamoDB(spec.DynamoDBAction{RangeKeyField: "r"})},
		{spec.Action{Timestream: &spec.TimestreamAction{TimestampValue: "1", TimestampUnit: "MILLISECONDS"}},
			spec.Action{Timestream: &spec.TimestreamAction{TimestampValue: "1"}}},
	} {
		if changes := d.Diff(rule(tc.have), rule(tc.want)); len(changes) > 0 {
			t.Errorf("%+v differs from %+v: %v", tc.have, tc.want, changes)
		}
		if changes := d.Diff(rule(actions()["Kinesis"]), rule(tc.want)); len(changes) == 0 {
			t.Errorf("another action does not differ from %+v", tc.want)
		}
	}
}

// TestDefaultsOnTheWire: AWS requires the unit of a timestamp, and a canned ACL needs a permission, so only some
// defaults are sent.
func TestDefaultsOnTheWire(t *testing.T) {
	sns := encode(spec.Action{SNS: &spec.SNSAction{}}).Sns
	s3 := encode(spec.Action{S3: &spec.S3Action{}}).S3
	dynamoDB := encode(spec.Action{DynamoDB: &spec.DynamoDBAction{}}).DynamoDB
	timestream := encode(spec.Action{Timestream: &spec.TimestreamAction{TimestampValue: "1"}}).Timestream
	if sns.MessageFormat != types.MessageFormatRaw || dynamoDB.HashKeyType != types.DynamoKeyTypeString ||
		aws.ToString(timestream.Timestamp.Unit) != "MILLISECONDS" {
		t.Errorf("defaults are not sent: %+v, %+v, %+v", sns, dynamoDB, timestream)
	}
	if s3.CannedAcl != "" || dynamoDB.Operation != nil || dynamoDB.PayloadField != nil || dynamoDB.RangeKeyType != "" {
		t.Errorf("defaults are sent: %+v, %+v", s3, dynamoDB)
	}
}
