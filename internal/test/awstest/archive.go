package awstest

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena"
	athenatypes "github.com/aws/aws-sdk-go-v2/service/athena/types"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	firehosetypes "github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	gluetypes "github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// archiveListers give what the archive is made of besides the bucket.
var archiveListers = []lister{
	{"Firehose stream", func(ctx context.Context, a Account) ([]string, error) {
		out, err := a.Firehose().ListDeliveryStreams(ctx, &firehose.ListDeliveryStreamsInput{Limit: aws.Int32(100)})
		if err != nil {
			return nil, err
		}
		return out.DeliveryStreamNames, nil
	}},
	{"Glue database", func(ctx context.Context, a Account) ([]string, error) {
		out, err := a.Glue().GetDatabases(ctx, &glue.GetDatabasesInput{})
		if err != nil {
			return nil, err
		}
		return names(out.DatabaseList, func(d gluetypes.Database) *string { return d.Name }, nil)
	}},
	{"Glue table", glueTables},
	{"workgroup", func(ctx context.Context, a Account) ([]string, error) {
		out, err := a.Athena().ListWorkGroups(ctx, &athena.ListWorkGroupsInput{})
		if err != nil {
			return nil, err
		}
		return names(out.WorkGroups, func(w athenatypes.WorkGroupSummary) *string { return w.Name }, nil)
	}},
	{"named query", namedQueries},
}

func glueTables(ctx context.Context, a Account) ([]string, error) {
	databases, err := a.Glue().GetDatabases(ctx, &glue.GetDatabasesInput{})
	if err != nil {
		return nil, err
	}
	var all []string
	for _, d := range databases.DatabaseList {
		out, err := a.Glue().GetTables(ctx, &glue.GetTablesInput{DatabaseName: d.Name})
		if err != nil {
			return nil, err
		}
		for _, t := range out.TableList {
			all = append(all, aws.ToString(d.Name)+"."+aws.ToString(t.Name))
		}
	}
	return all, nil
}

func namedQueries(ctx context.Context, a Account) ([]string, error) {
	groups, err := a.Athena().ListWorkGroups(ctx, &athena.ListWorkGroupsInput{})
	if err != nil {
		return nil, err
	}
	var all []string
	for _, g := range groups.WorkGroups {
		list, err := a.Athena().ListNamedQueries(ctx, &athena.ListNamedQueriesInput{WorkGroup: g.Name})
		if err != nil {
			return nil, err
		}
		if len(list.NamedQueryIds) == 0 {
			continue
		}
		out, err := a.Athena().BatchGetNamedQuery(ctx,
			&athena.BatchGetNamedQueryInput{NamedQueryIds: list.NamedQueryIds})
		if err != nil {
			return nil, err
		}
		for _, q := range out.NamedQueries {
			all = append(all, aws.ToString(g.Name)+": "+aws.ToString(q.Name))
		}
	}
	return all, nil
}

// archiveTamperings changes an important field of each part of the archive in batches.
var archiveTamperings = []Tampering{
	{"archive/delivery", func(t testing.TB, a Account, r assembly.Record) {
		s := a.deliveryStream(t, r.Name)
		must[*firehose.UpdateDestinationOutput](t)(a.Firehose().UpdateDestination(t.Context(),
			&firehose.UpdateDestinationInput{DeliveryStreamName: &r.Name, CurrentDeliveryStreamVersionId: s.VersionId,
				DestinationId: s.Destinations[0].DestinationId,
				ExtendedS3DestinationUpdate: &firehosetypes.ExtendedS3DestinationUpdate{
					Prefix: aws.String("mine/")}}))
	}},
	{"archive/database", func(t testing.TB, a Account, r assembly.Record) {
		must[*glue.UpdateDatabaseOutput](t)(a.Glue().UpdateDatabase(t.Context(), &glue.UpdateDatabaseInput{
			Name: &r.Name, DatabaseInput: &gluetypes.DatabaseInput{Name: &r.Name, Description: aws.String("mine")}}))
	}},
	{"archive/table", dropColumns},
	{"archive/view", dropColumns},
	{"metrics/export", func(t testing.TB, a Account, r assembly.Record) {
		must[*firehose.StopDeliveryStreamEncryptionOutput](t)(a.Firehose().StopDeliveryStreamEncryption(t.Context(),
			&firehose.StopDeliveryStreamEncryptionInput{DeliveryStreamName: &r.Name}))
	}},
	{"metrics/export_table", dropColumns},
	{"archive/workgroup", func(t testing.TB, a Account, r assembly.Record) {
		must[*athena.UpdateWorkGroupOutput](t)(a.Athena().UpdateWorkGroup(t.Context(), &athena.UpdateWorkGroupInput{
			WorkGroup: &r.Name, State: athenatypes.WorkGroupStateDisabled}))
	}},
	{"archive/query/last_values", func(t testing.TB, a Account, r assembly.Record) {
		must[*athena.UpdateNamedQueryOutput](t)(a.Athena().UpdateNamedQuery(t.Context(), &athena.UpdateNamedQueryInput{
			NamedQueryId: &r.ID, Name: aws.String("mine"), QueryString: aws.String("SELECT 1")}))
	}},
}

func (a Account) deliveryStream(t testing.TB, name string) *firehosetypes.DeliveryStreamDescription {
	t.Helper()
	return must[*firehose.DescribeDeliveryStreamOutput](t)(a.Firehose().DescribeDeliveryStream(t.Context(),
		&firehose.DescribeDeliveryStreamInput{DeliveryStreamName: &name})).DeliveryStreamDescription
}

// glueTable gives the table of a record, and the names of its database and of itself.
func (a Account) glueTable(t testing.TB, r assembly.Record) (table *gluetypes.Table, names []string) {
	t.Helper()
	names = must[[]string](t)(spec.SplitName(r.Name, 2))
	return must[*glue.GetTableOutput](t)(a.Glue().GetTable(t.Context(),
		&glue.GetTableInput{DatabaseName: &names[0], Name: &names[1]})).Table, names
}

// dropColumns leaves the owner token in a table, as somebody does who changes it in the console.
func dropColumns(t testing.TB, a Account, r assembly.Record) {
	table, names := a.glueTable(t, r)
	must[*glue.UpdateTableOutput](t)(a.Glue().UpdateTable(t.Context(), &glue.UpdateTableInput{DatabaseName: &names[0],
		TableInput: &gluetypes.TableInput{Name: &names[1], Parameters: table.Parameters,
			StorageDescriptor: &gluetypes.StorageDescriptor{}}}))
}

// archiveImpostors takes the places of parts of the archive in batches.
var archiveImpostors = []Impostor{
	{
		Part: "archive/delivery", Kind: "Firehose stream",
		Make: func(t testing.TB, a Account, r assembly.Record) {
			must[*firehose.CreateDeliveryStreamOutput](t)(a.Firehose().CreateDeliveryStream(t.Context(),
				&firehose.CreateDeliveryStreamInput{DeliveryStreamName: &r.Name,
					ExtendedS3DestinationConfiguration: &firehosetypes.ExtendedS3DestinationConfiguration{
						BucketARN: aws.String("arn:aws:s3:::somebodys"),
						RoleARN:   aws.String("arn:aws:iam::123456789012:role/somebody")}}))
		},
		Look: func(t testing.TB, a Account, r assembly.Record) any { return a.deliveryStream(t, r.Name) },
		Remove: func(t testing.TB, a Account, r assembly.Record) {
			must[*firehose.DeleteDeliveryStreamOutput](t)(a.Firehose().DeleteDeliveryStream(t.Context(),
				&firehose.DeleteDeliveryStreamInput{DeliveryStreamName: &r.Name}))
		},
	},
	{
		Part: "archive/workgroup", Kind: "workgroup",
		Make: func(t testing.TB, a Account, r assembly.Record) {
			must[*athena.CreateWorkGroupOutput](t)(
				a.Athena().CreateWorkGroup(t.Context(), &athena.CreateWorkGroupInput{Name: &r.Name}))
		},
		Look: func(t testing.TB, a Account, r assembly.Record) any {
			group := must[*athena.GetWorkGroupOutput](t)(
				a.Athena().GetWorkGroup(t.Context(), &athena.GetWorkGroupInput{WorkGroup: &r.Name})).WorkGroup
			group.CreationTime = nil // moto takes the time of the request
			return group
		},
		Remove: func(t testing.TB, a Account, r assembly.Record) {
			must[*athena.DeleteWorkGroupOutput](t)(
				a.Athena().DeleteWorkGroup(t.Context(), &athena.DeleteWorkGroupInput{WorkGroup: &r.Name}))
		},
	},
	{
		Part: "archive/table", Kind: "Glue table",
		Make: func(t testing.TB, a Account, r assembly.Record) {
			names := must[[]string](t)(spec.SplitName(r.Name, 2))
			must[*glue.CreateTableOutput](t)(a.Glue().CreateTable(t.Context(),
				&glue.CreateTableInput{DatabaseName: &names[0], TableInput: &gluetypes.TableInput{Name: &names[1]}}))
		},
		Look: func(t testing.TB, a Account, r assembly.Record) any { table, _ := a.glueTable(t, r); return table },
		Remove: func(t testing.TB, a Account, r assembly.Record) {
			_, names := a.glueTable(t, r)
			must[*glue.DeleteTableOutput](t)(a.Glue().DeleteTable(t.Context(),
				&glue.DeleteTableInput{DatabaseName: &names[0], Name: &names[1]}))
		},
	},
	{
		Part: "archive/database", Kind: "Glue database",
		Make: func(t testing.TB, a Account, r assembly.Record) {
			must[*glue.CreateDatabaseOutput](t)(a.Glue().CreateDatabase(t.Context(),
				&glue.CreateDatabaseInput{DatabaseInput: &gluetypes.DatabaseInput{Name: &r.Name}}))
		},
		Look: func(t testing.TB, a Account, r assembly.Record) any {
			return must[*glue.GetDatabaseOutput](t)(
				a.Glue().GetDatabase(t.Context(), &glue.GetDatabaseInput{Name: &r.Name})).Database
		},
		Remove: func(t testing.TB, a Account, r assembly.Record) {
			must[*glue.DeleteDatabaseOutput](t)(
				a.Glue().DeleteDatabase(t.Context(), &glue.DeleteDatabaseInput{Name: &r.Name}))
		},
	},
}
