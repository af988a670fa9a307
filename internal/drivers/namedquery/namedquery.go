// Package namedquery is the driver of the queries that an Athena workgroup offers. A query carries no token: it is ours
// when its workgroup is. It must not know what is queried.
package namedquery

import (
	"context"
	"fmt"
	"slices"
	"strings"

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

// Observe reads a query, during a pass together with the others: by its ID when that is known, else it looks through
// the workgroup's; and the workgroup for the owner before the query is recorded and for full reads.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.NamedQuery], error) {
	names, err := spec.SplitName(ref.Name, 2)
	if err != nil {
		return nil, err
	}
	query, ok, err := assembly.Together(ctx, spec.KindNamedQuery, ref, d.read)
	if !ok || err != nil {
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
	if ref.Brief() {
		return o, nil
	}
	var exists bool
	if o.Owner, exists, err = d.Owner(ctx, ref); err != nil || !exists {
		return nil, err
	}
	return o, nil
}

// Owner implements [assembly.OwnerReader]: whoever owns the workgroup owns its queries.
func (d *Driver) Owner(ctx context.Context, ref assembly.Ref) (token string, exists bool, err error) {
	group, _, _ := strings.Cut(ref.Name, "|")
	token, exists, err = workgroup.New(d.c).Owner(ctx, assembly.Ref{Name: group})
	if err != nil {
		err = fmt.Errorf("reading its workgroup: %w", err)
	}
	return token, exists, err
}

// Container implements [assembly.Contained]: a query goes with its workgroup.
func (*Driver) Container(ref assembly.Ref) (kind, id string) {
	group, _, _ := strings.Cut(ref.Name, "|")
	return spec.KindWorkgroup, group
}

// batch is how many queries Athena gives at once, by their IDs or of a list of IDs.
const batch = 50

// read gives queries by the names of their references: those with an ID by that, the others by their names in their
// workgroups.
func (d *Driver) read(ctx context.Context, refs []assembly.Ref) (map[string]types.NamedQuery, error) {
	found := make(map[string]types.NamedQuery, len(refs))
	names, ids := map[string]string{}, []string(nil) // names by ID
	unknown := map[string][]string{}                 // names by workgroup
	for _, ref := range refs {
		if ref.ID != "" {
			names[ref.ID], ids = ref.Name, append(ids, ref.ID)
		} else if group, _, ok := strings.Cut(ref.Name, "|"); ok {
			unknown[group] = append(unknown[group], ref.Name)
		}
	}
	for some := range slices.Chunk(ids, batch) {
		queries, err := d.get(ctx, some)
		if err != nil {
			return nil, err
		}
		for _, q := range queries {
			found[names[aws.ToString(q.NamedQueryId)]] = q
		}
	}
	for group, wanted := range unknown {
		err := d.inGroup(ctx, group, func(q types.NamedQuery) {
			name := spec.NameIn(group, aws.ToString(q.Name))
			if _, taken := found[name]; !taken && slices.Contains(wanted, name) {
				found[name] = q
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// get leaves out what does not exist. What Athena did not give with the others is asked for alone: only then it says
// why.
func (d *Driver) get(ctx context.Context, ids []string) ([]types.NamedQuery, error) {
	out, err := d.c.Athena().BatchGetNamedQuery(ctx, &athena.BatchGetNamedQueryInput{NamedQueryIds: ids})
	if err != nil {
		return nil, err
	}
	queries := out.NamedQueries
	for _, u := range out.UnprocessedNamedQueryIds {
		alone, err := d.c.Athena().GetNamedQuery(ctx, &athena.GetNamedQueryInput{NamedQueryId: u.NamedQueryId})
		if workgroup.Absent(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		queries = append(queries, *alone.NamedQuery)
	}
	return queries, nil
}

// inGroup visits the queries of a workgroup; one that does not exist has none.
func (d *Driver) inGroup(ctx context.Context, group string, visit func(types.NamedQuery)) error {
	pages := athena.NewListNamedQueriesPaginator(d.c.Athena().ListNamedQueries,
		&athena.ListNamedQueriesInput{WorkGroup: &group, MaxResults: aws.Int32(batch)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if workgroup.Absent(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(page.NamedQueryIds) == 0 {
			continue
		}
		queries, err := d.get(ctx, page.NamedQueryIds)
		if err != nil {
			return err
		}
		for _, q := range queries {
			visit(q)
		}
	}
	return nil
}

// Create makes the query, unless the workgroup has one of the name.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.NamedQuery) (assembly.Identity, error) {
	names, err := spec.SplitName(ref.Name, 2)
	if err != nil {
		return assembly.Identity{}, err
	}
	same, err := d.read(ctx, []assembly.Ref{{Name: ref.Name}})
	if err != nil {
		return assembly.Identity{}, err
	}
	if len(same) > 0 {
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
