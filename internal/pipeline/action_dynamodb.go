package pipeline

import "github.com/iot-pipeline/terraform-provider-iot/internal/spec"

// Values of [AWS 2.1 DynamoDB]; the operation may also be a template.
var (
	DynamoDBKeyTypes   = Choice{Values: []string{"STRING", "NUMBER"}, Default: "STRING"}
	DynamoDBOperations = Choice{Values: []string{"INSERT", "UPDATE", "DELETE"}, Default: "INSERT"}
)

// DynamoDBRoute writes the whole output to one attribute of an item.
type DynamoDBRoute struct {
	TableName     string  `json:"table_name"`
	HashKeyField  string  `json:"hash_key_field"`
	HashKeyType   *string `json:"hash_key_type,omitzero"` // "STRING" or "NUMBER"
	HashKeyValue  string  `json:"hash_key_value"`         // template
	RangeKeyField *string `json:"range_key_field,omitzero"`
	RangeKeyType  *string `json:"range_key_type,omitzero"`
	RangeKeyValue *string `json:"range_key_value,omitzero"` // template
	PayloadField  *string `json:"payload_field,omitzero"`
	Operation     *string `json:"operation,omitzero"` // "INSERT", "UPDATE", "DELETE" or a template
}

func (a *DynamoDBRoute) desired(role string) spec.Action {
	return spec.Action{DynamoDB: &spec.DynamoDBAction{
		RoleARN: role, TableName: a.TableName,
		HashKeyField: a.HashKeyField, HashKeyType: deref(a.HashKeyType), HashKeyValue: a.HashKeyValue,
		RangeKeyField: deref(a.RangeKeyField), RangeKeyType: deref(a.RangeKeyType),
		RangeKeyValue: deref(a.RangeKeyValue), PayloadField: deref(a.PayloadField), Operation: deref(a.Operation),
	}}
}

func (a *DynamoDBRoute) grants(n arns) []statement {
	return []statement{allow([]string{"dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"},
		n.table(wild(a.TableName)))}
}

func (a *DynamoDBRoute) check(c *actionChecker) {
	c.target("table_name", a.TableName, "table")
	c.choice(c.arg("hash_key_type"), a.HashKeyType, DynamoDBKeyTypes)
	c.template("hash_key_value", &a.HashKeyValue)
	c.choice(c.arg("range_key_type"), a.RangeKeyType, DynamoDBKeyTypes)
	c.template("range_key_value", a.RangeKeyValue)
	c.enum("operation", a.Operation, DynamoDBOperations)
	if (a.RangeKeyField == nil) != (a.RangeKeyValue == nil) && c.known(c.arg("range_key_field")) &&
		c.known(c.arg("range_key_value")) {
		c.fail(c.path, "The range key is incomplete", "range_key_field and range_key_value belong together: "+
			"write both, or neither for a table without a range key.")
	}
}
