package awsapi

import (
	"github.com/aws/aws-sdk-go-v2/service/glue"
)

// Glue are the operations of AWS Glue's data catalog that the project uses.
type Glue struct {
	Options        func() glue.Options
	CreateDatabase Call[glue.CreateDatabaseInput, glue.Options, glue.CreateDatabaseOutput]
	CreateTable    Call[glue.CreateTableInput, glue.Options, glue.CreateTableOutput]
	DeleteDatabase Call[glue.DeleteDatabaseInput, glue.Options, glue.DeleteDatabaseOutput]
	DeleteTable    Call[glue.DeleteTableInput, glue.Options, glue.DeleteTableOutput]
	GetDatabase    Call[glue.GetDatabaseInput, glue.Options, glue.GetDatabaseOutput]
	GetDatabases   Call[glue.GetDatabasesInput, glue.Options, glue.GetDatabasesOutput]
	GetTable       Call[glue.GetTableInput, glue.Options, glue.GetTableOutput]
	GetTables      Call[glue.GetTablesInput, glue.Options, glue.GetTablesOutput]
	GetTags        Call[glue.GetTagsInput, glue.Options, glue.GetTagsOutput]
	TagResource    Call[glue.TagResourceInput, glue.Options, glue.TagResourceOutput]
	UntagResource  Call[glue.UntagResourceInput, glue.Options, glue.UntagResourceOutput]
	UpdateDatabase Call[glue.UpdateDatabaseInput, glue.Options, glue.UpdateDatabaseOutput]
	UpdateTable    Call[glue.UpdateTableInput, glue.Options, glue.UpdateTableOutput]
}

func newGlue(c *glue.Client) *Glue {
	return &Glue{
		Options:        c.Options,
		CreateDatabase: c.CreateDatabase,
		CreateTable:    c.CreateTable,
		DeleteDatabase: c.DeleteDatabase,
		DeleteTable:    c.DeleteTable,
		GetDatabase:    c.GetDatabase,
		GetDatabases:   c.GetDatabases,
		GetTable:       c.GetTable,
		GetTables:      c.GetTables,
		GetTags:        c.GetTags,
		TagResource:    c.TagResource,
		UntagResource:  c.UntagResource,
		UpdateDatabase: c.UpdateDatabase,
		UpdateTable:    c.UpdateTable,
	}
}
