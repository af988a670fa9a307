package rules

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
)

// Trying a rule says what it would do, and does nothing.
func TestTry(t *testing.T) {
	e := New(Options{AccountID: "123456789012", Publish: func(message.Message) error {
		t.Error("the action was carried out")
		return nil
	}})
	defer e.Close()
	rule := func(sql string) Rule {
		return Rule{RuleName: aws.String("r"), Sql: &sql, AwsIotSqlVersion: aws.String("2016-03-23"), Actions: []types.Action{
			{Republish: &types.RepublishAction{Topic: aws.String("${topic(2)}/${unit}/x"), RoleArn: aws.String("role")}},
			{S3: &types.S3Action{BucketName: aws.String("b"), Key: aws.String("${accountid()}/${topic(}")}},
		}}
	}
	m := message.New("gh/soil-1/telemetry", []byte(`{"temperature":21,"unit":"C"}`))
	got, err := e.Try(t.Context(), rule("SELECT temperature * 2 AS t FROM 'gh/+/telemetry' WHERE temperature > 20"), m)
	if err != nil || !got.Hears || !got.Matched || string(got.Payload) != `{"t":42}` || len(got.Actions) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	if a := got.Actions[0]; a.Kind != "Republish" || string(a.Members) != `{"RoleArn":"role","Topic":"soil-1/C/x"}` || a.Error != "" {
		t.Errorf("republish: %+v: %s", a, a.Members)
	}
	if a := got.Actions[1]; a.Kind != "S3" || a.Error == "" {
		t.Errorf("a template that fails: %+v: %s", a, a.Members)
	}
	if got, err := e.Try(t.Context(), rule("SELECT * FROM 'gh/+/telemetry' WHERE temperature > 30"), m); err != nil || got.Matched || !got.Hears {
		t.Errorf("a condition that does not hold: %+v, %v", got, err)
	}
	if got, err := e.Try(t.Context(), rule("SELECT * FROM 'other/+'"), m); err != nil || got.Hears || got.Filter != "other/+" {
		t.Errorf("another topic: %+v, %v", got, err)
	}
	_, err = e.Try(t.Context(), rule("SELECT * FORM 'gh'"), m)
	var list iotsql.ErrorList
	if !errors.As(err, &list) || !strings.Contains(list[0].Excerpt, "^") {
		t.Errorf("the error of wrong SQL is %v", err)
	}
}
