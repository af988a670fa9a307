package awstest

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iot"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// Document returns the document of a special item of a device table; it is empty if there is none.
func (a Account) Document(t testing.TB, table, item string) string {
	t.Helper()
	out := must[*dynamodb.GetItemOutput](t)(a.DynamoDB().GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &table,
		Key: map[string]types.AttributeValue{contract.DeviceKey: &types.AttributeValueMemberS{Value: item}}}))
	text, _ := out.Item[contract.DocumentAttribute].(*types.AttributeValueMemberS)
	if text == nil {
		return ""
	}
	return text.Value
}

// RuleSQL returns the statement of a topic rule.
func (a Account) RuleSQL(t testing.TB, name string) string {
	t.Helper()
	return *must[*iot.GetTopicRuleOutput](t)(a.IoT().GetTopicRule(t.Context(),
		&iot.GetTopicRuleInput{RuleName: &name})).Rule.Sql
}

// RuleIsOff reports whether a topic rule is switched off.
func (a Account) RuleIsOff(t testing.TB, name string) bool {
	t.Helper()
	out := must[*iot.GetTopicRuleOutput](t)(a.IoT().GetTopicRule(t.Context(),
		&iot.GetTopicRuleInput{RuleName: &name}))
	return aws.ToBool(out.Rule.RuleDisabled)
}
