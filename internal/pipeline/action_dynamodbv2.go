package pipeline

import "github.com/iot-pipeline/terraform-provider-iot/internal/spec"

// DynamoDBv2Route writes an item with one attribute per top-level key of the output.
type DynamoDBv2Route struct {
	TableName string `json:"table_name"`
}

func (a *DynamoDBv2Route) desired(role string) spec.Action {
	return spec.Action{DynamoDBv2: &spec.DynamoDBv2Action{RoleARN: role, TableName: a.TableName}}
}

func (a *DynamoDBv2Route) grants(n arns) []statement {
	return []statement{allow([]string{"dynamodb:PutItem"}, n.table(wild(a.TableName)))}
}

func (a *DynamoDBv2Route) check(c *actionChecker) {
	c.target("table_name", a.TableName, "table")
}
