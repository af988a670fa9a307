// Package gluetable is the driver of tables and views of a Glue database. AWS keeps no tags for them, so the owner
// token is one of the table's parameters. It must not know what a table's data means.
package gluetable

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// conflictTimeout bounds the wait until another change of the table is done.
const conflictTimeout = time.Minute

// Driver reads and writes tables and views. Ref.Name and Ref.ID are "database|table".
type Driver struct{ c *awsapi.Clients }

// New gives the driver for the clients' account and region.
func New(c *awsapi.Clients) *Driver { return &Driver{c} }

// Observe reads a table with one call. An absent database means an absent table.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.GlueTable], error) {
	names, err := spec.SplitName(ref.Name, 2)
	if err != nil {
		return nil, err
	}
	out, err := d.c.Glue().GetTable(ctx, &glue.GetTableInput{DatabaseName: &names[0], Name: &names[1]})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o := &assembly.Observed[spec.GlueTable]{Identity: d.identity(ref.Name, names), Spec: specOf(out.Table)}
	o.Owner = o.Spec.Parameters[spec.OwnerTag]
	delete(o.Spec.Parameters, spec.OwnerTag)
	return o, nil
}

func (d *Driver) identity(name string, names []string) assembly.Identity {
	return assembly.Identity{ID: name, ARN: d.c.ARN("glue", "table/"+names[0]+"/"+names[1])}
}

func specOf(t *types.Table) spec.GlueTable {
	s := spec.GlueTable{
		Description: aws.ToString(t.Description),
		Type:        aws.ToString(t.TableType),
		Partitions:  columnsOf(t.PartitionKeys),
		Parameters:  maps.Clone(t.Parameters),
		ViewText:    aws.ToString(t.ViewOriginalText),
		ViewComment: aws.ToString(t.ViewExpandedText),
	}
	if s.Parameters == nil {
		s.Parameters = map[string]string{}
	}
	if storage := t.StorageDescriptor; storage != nil {
		s.Columns, s.Location = columnsOf(storage.Columns), aws.ToString(storage.Location)
		s.InputFormat, s.OutputFormat = aws.ToString(storage.InputFormat), aws.ToString(storage.OutputFormat)
		if serde := storage.SerdeInfo; serde != nil {
			s.SerDe, s.SerDeOptions = aws.ToString(serde.SerializationLibrary), serde.Parameters
		}
	}
	return s
}

func columnsOf(list []types.Column) []spec.Column {
	columns := make([]spec.Column, len(list))
	for i, c := range list {
		columns[i] = spec.Column{Name: aws.ToString(c.Name), Type: aws.ToString(c.Type),
			Comment: aws.ToString(c.Comment)}
	}
	return columns
}

// input is the whole table, with the owner token and the parameters that others have set.
func input(name, owner string, want spec.GlueTable, others map[string]string) *types.TableInput {
	parameters := maps.Clone(others)
	if parameters == nil {
		parameters = map[string]string{}
	}
	maps.Copy(parameters, want.Parameters)
	parameters[spec.OwnerTag] = owner
	storage := &types.StorageDescriptor{
		Columns:   columns(want.Columns),
		Location:  &want.Location,
		SerdeInfo: &types.SerDeInfo{Parameters: want.SerDeOptions},
	}
	t := &types.TableInput{
		Name: &name, Description: &want.Description, TableType: &want.Type, PartitionKeys: columns(want.Partitions),
		Parameters: parameters, StorageDescriptor: storage,
	}
	set := func(to **string, value string) {
		if value != "" {
			*to = &value
		}
	}
	set(&storage.InputFormat, want.InputFormat)
	set(&storage.OutputFormat, want.OutputFormat)
	set(&storage.SerdeInfo.SerializationLibrary, want.SerDe)
	set(&t.ViewOriginalText, want.ViewText)
	set(&t.ViewExpandedText, want.ViewComment)
	return t
}

func columns(list []spec.Column) []types.Column {
	all := make([]types.Column, len(list))
	for i, c := range list {
		all[i] = types.Column{Name: aws.String(c.Name), Type: aws.String(c.Type)}
		if c.Comment != "" {
			all[i].Comment = aws.String(c.Comment)
		}
	}
	return all
}

// Create makes the table.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.GlueTable) (assembly.Identity, error) {
	names, err := spec.SplitName(ref.Name, 2)
	if err != nil {
		return assembly.Identity{}, err
	}
	in := &glue.CreateTableInput{DatabaseName: &names[0], TableInput: input(names[1], ref.Owner, want, nil)}
	_, err = d.c.Glue().CreateTable(ctx, in)
	if awsapi.Is(err, "AlreadyExistsException") {
		return ownertag.Resume(ctx, d, ref, want, err)
	}
	if err != nil {
		return assembly.Identity{}, err
	}
	return d.identity(ref.Name, names), nil
}

// Update writes the table as a whole with one call, which keeps no copy of what it was: the data is described by the
// table alone, and what the table was is in the pipeline's description.
func (d *Driver) Update(
	ctx context.Context,
	ref assembly.Ref,
	have *assembly.Observed[spec.GlueTable],
	want spec.GlueTable,
	_ []assembly.Change,
) (assembly.Identity, error) {
	names, err := spec.SplitName(ref.Name, 2)
	if err != nil {
		return have.Identity, err
	}
	in := &glue.UpdateTableInput{DatabaseName: &names[0], SkipArchive: aws.Bool(true),
		TableInput: input(names[1], ref.Owner, want, have.Spec.Parameters)}
	return have.Identity, d.retry(ctx, func(ctx context.Context) error {
		_, err := d.c.Glue().UpdateTable(ctx, in)
		return err
	})
}

// Delete removes the table. The objects that it describes stay.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	names, err := spec.SplitName(ref.Name, 2)
	if err != nil {
		return err
	}
	err = d.retry(ctx, func(ctx context.Context) error {
		_, err := d.c.Glue().DeleteTable(ctx, &glue.DeleteTableInput{DatabaseName: &names[0], Name: &names[1]})
		return err
	})
	if awsapi.IsNotFound(err) {
		return nil
	}
	return err
}

func (d *Driver) retry(ctx context.Context, call func(context.Context) error) error {
	return d.c.Retry(ctx, "waiting until another change of the table is done", conflictTimeout,
		func(err error) bool { return awsapi.Is(err, "ConcurrentModificationException") }, call)
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{} }

// Diff compares. Only wanted parameters count: Athena and crawlers add their own.
func (*Driver) Diff(have, want spec.GlueTable) []assembly.Change {
	var changes []assembly.Change
	add := func(field string, differs bool) {
		if differs {
			changes = append(changes, assembly.Change{Field: field})
		}
	}
	add("description", have.Description != want.Description)
	add("type", have.Type != want.Type)
	add("columns", !slices.Equal(have.Columns, want.Columns))
	add("partitions", !slices.Equal(have.Partitions, want.Partitions))
	add("location", have.Location != want.Location)
	add("format", have.InputFormat != want.InputFormat || have.OutputFormat != want.OutputFormat ||
		have.SerDe != want.SerDe || !maps.Equal(have.SerDeOptions, want.SerDeOptions))
	add("parameters", missesOneOf(have.Parameters, want.Parameters))
	add("view", have.ViewText != want.ViewText || have.ViewComment != want.ViewComment)
	return changes
}

func missesOneOf(have, want map[string]string) bool {
	for key, value := range want {
		if old, ok := have[key]; !ok || old != value {
			return true
		}
	}
	return false
}
