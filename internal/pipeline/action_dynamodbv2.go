package pipeline

import "github.com/iot-pipeline/terraform-provider-iot/internal/spec"

// DynamoDBv2Route writes an item with one attribute per top-level key of the output.
type DynamoDBv2Route struct {
	PutItem DynamoDBv2PutItem `json:"put_item"`
}

// DynamoDBv2PutItem is where the item goes.
type DynamoDBv2PutItem struct {
	TableName string `json:"table_name"`
}

func (a *DynamoDBv2Route) desired(role string) spec.Action {
	return spec.Action{DynamoDBv2: &spec.DynamoDBv2Action{RoleARN: role, TableName: a.PutItem.TableName}}
}

func (a *DynamoDBv2Route) grants(n arns) []statement {
	return []statement{allow([]string{"dynamodb:PutItem"}, n.table(wild(a.PutItem.TableName)))}
}

func (a *DynamoDBv2Route) check(c *actionChecker) {
	c.target("put_item.table_name", a.PutItem.TableName, "table")
}
