// Package namedquery is the driver of the queries that an Athena workgroup offers. A query carries no token: it is ours
// when its workgroup is. It must not know what is queried.
package namedquery

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/workgroup"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Driver reads and writes named queries. Ref.Name is "workgroup|query"; Ref.ID is AWS's own. Athena lets two queries of
// one workgroup have the same name.
type Driver struct{ c *awsapi.Clients }

// New gives the driver for the clients' account and region.
func New(c *awsapi.Clients) *Driver { return &Driver{c} }

// Observe reads a query with one call when its ID is known, else looks through the workgroup's; and the workgroup for
// the owner before the query is recorded and for full reads.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.NamedQuery], error) {
	names, err := spec.SplitName(ref.Name, 2)
	if err != nil {
		return nil, err
	}
	query, err := d.query(ctx, ref.ID, names)
	if workgroup.Absent(err) {
		return nil, nil
	}
	if query == nil || err != nil {
		return nil, err
	}
	o := &assembly.Observed[spec.NamedQuery]{
		Identity: assembly.Identity{ID: aws.ToString(query.NamedQueryId)},
		Owner:    ref.Owner,
		Spec: spec.NamedQuery{Database: aws.ToString(query.Database), Description: aws.ToString(query.Description),
			SQL: aws.ToString(query.QueryString)},
	}
	if name := aws.ToString(query.Name); name != names[1] {
		o.Spec.Name = name
	}
	if ref.ID != "" && !ref.Full {
		return o, nil
	}
	group, err := workgroup.New(d.c).Observe(ctx, assembly.Ref{Name: names[0]})
	if err != nil {
		return nil, fmt.Errorf("reading its workgroup: %w", err)
	}
	if group == nil {
		return nil, nil
	}
	o.Owner = group.Owner
	return o, nil
}

// query gives nil when the workgroup has none of the name.
func (d *Driver) query(ctx context.Context, id string, names []string) (*types.NamedQuery, error) {
	if id != "" {
		out, err := d.c.Athena().GetNamedQuery(ctx, &athena.GetNamedQueryInput{NamedQueryId: &id})
		if err != nil {
			return nil, err
		}
		return out.NamedQuery, nil
	}
	pages := athena.NewListNamedQueriesPaginator(d.c.Athena().ListNamedQueries,
		&athena.ListNamedQueriesInput{WorkGroup: &names[0]})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		if len(page.NamedQueryIds) == 0 {
			continue
		}
		// A page holds as many as one request may ask for: 50.
		out, err := d.c.Athena().BatchGetNamedQuery(ctx,
			&athena.BatchGetNamedQueryInput{NamedQueryIds: page.NamedQueryIds})
		if err != nil {
			return nil, err
		}
		for _, query := range out.NamedQueries {
			if aws.ToString(query.Name) == names[1] {
				return &query, nil
			}
		}
	}
	return nil, nil
}

// Create makes the query, unless the workgroup has one of the name.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.NamedQuery) (assembly.Identity, error) {
	names, err := spec.SplitName(ref.Name, 2)
	if err != nil {
		return assembly.Identity{}, err
	}
	query, err := d.query(ctx, "", names)
	if err != nil {
		return assembly.Identity{}, err
	}
	if query != nil {
		return ownertag.Resume(ctx, d, ref, want,
			fmt.Errorf("workgroup %q has a query called %q", names[0], names[1]))
	}
	out, err := d.c.Athena().CreateNamedQuery(ctx, &athena.CreateNamedQueryInput{WorkGroup: &names[0], Name: &names[1],
		Database: &want.Database, Description: &want.Description, QueryString: &want.SQL})
	if err != nil {
		return assembly.Identity{}, err
	}
	return assembly.Identity{ID: aws.ToString(out.NamedQueryId)}, nil
}

// Update writes name, description and text with one call.
func (d *Driver) Update(
	ctx context.Context,
	ref assembly.Ref,
	have *assembly.Observed[spec.NamedQuery],
	want spec.NamedQuery,
	_ []assembly.Change,
) (assembly.Identity, error) {
	names, err := spec.SplitName(ref.Name, 2)
	if err != nil {
		return have.Identity, err
	}
	_, err = d.c.Athena().UpdateNamedQuery(ctx, &athena.UpdateNamedQueryInput{NamedQueryId: &have.ID, Name: &names[1],
		Description: &want.Description, QueryString: &want.SQL})
	return have.Identity, err
}

// Delete removes the query.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	_, err := d.c.Athena().DeleteNamedQuery(ctx, &athena.DeleteNamedQueryInput{NamedQueryId: &ref.ID})
	if workgroup.Absent(err) {
		return nil
	}
	return err
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{ServerID: true} }

// Diff compares. Athena cannot move a query to another database.
func (*Driver) Diff(have, want spec.NamedQuery) []assembly.Change {
	var changes []assembly.Change
	if have.Database != want.Database {
		changes = append(changes, assembly.Change{Field: "database", Replace: true})
	}
	if have.Name != want.Name {
		changes = append(changes, assembly.Change{Field: "name"})
	}
	if have.Description != want.Description {
		changes = append(changes, assembly.Change{Field: "description"})
	}
	if have.SQL != want.SQL {
		changes = append(changes, assembly.Change{Field: "sql"})
	}
	return changes
}
