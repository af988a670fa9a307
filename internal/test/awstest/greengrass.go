package awstest

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/greengrassv2"
	greengrass "github.com/aws/aws-sdk-go-v2/service/greengrassv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
)

// The project lists neither all components nor all role aliases by itself, so the clients come from the SDK.

var greengrassListers = []lister{
	{"role alias", func(ctx context.Context, a Account) ([]string, error) {
		out, err := awsapi.IoTClient(a.Clients).ListRoleAliases(ctx, &iot.ListRoleAliasesInput{})
		if err != nil {
			return nil, err
		}
		return out.RoleAliases, nil
	}},
	{"component", func(ctx context.Context, a Account) ([]string, error) {
		out, err := awsapi.GreengrassClient(a.Clients).ListComponents(ctx, &greengrassv2.ListComponentsInput{})
		if err != nil {
			return nil, err
		}
		return names(out.Components, func(c greengrass.Component) *string { return c.ComponentName }, nil)
	}},
	{"deployment", func(ctx context.Context, a Account) ([]string, error) {
		out, err := a.Greengrass().ListDeployments(ctx,
			&greengrassv2.ListDeploymentsInput{HistoryFilter: greengrass.DeploymentHistoryFilterAll})
		if err != nil {
			return nil, err
		}
		return names(out.Deployments, func(d greengrass.Deployment) *string { return d.TargetArn }, nil)
	}},
}

var greengrassTamperings = []Tampering{
	{"greengrass/role_alias", func(t testing.TB, a Account, r assembly.Record) {
		must[*iot.UpdateRoleAliasOutput](t)(a.IoT().UpdateRoleAlias(t.Context(),
			&iot.UpdateRoleAliasInput{RoleAlias: &r.Name, CredentialDurationSeconds: aws.Int32(43_200)}))
	}},
	{"greengrass/gateways", func(t testing.TB, a Account, r assembly.Record) {
		must[*iot.AddThingToThingGroupOutput](t)(a.IoT().AddThingToThingGroup(t.Context(),
			&iot.AddThingToThingGroupInput{ThingGroupName: &r.Name, ThingName: aws.String("soil-002")}))
	}},
	// The program that gateways download.
	{"greengrass/component", func(t testing.TB, a Account, r assembly.Record) {
		uri, _, _ := strings.Cut(a.recipe(t, r.ARN), ".zip")
		bucket, key, _ := strings.Cut(uri[strings.Index(uri, "s3://")+len("s3://"):]+".zip", "/")
		must[*s3.DeleteObjectOutput](t)(a.S3().DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &key}))
	}},
	{"greengrass/deployment", func(t testing.TB, a Account, r assembly.Record) {
		list := must[*greengrassv2.ListDeploymentsOutput](t)(a.Greengrass().ListDeployments(t.Context(),
			&greengrassv2.ListDeploymentsInput{TargetArn: aws.String(a.ARN("iot", "thinggroup/"+r.Name))}))
		must[*greengrassv2.CancelDeploymentOutput](t)(a.Greengrass().CancelDeployment(t.Context(),
			&greengrassv2.CancelDeploymentInput{DeploymentId: list.Deployments[0].DeploymentId}))
	}},
}

// recipe is that of the newest version of a component.
func (a Account) recipe(t testing.TB, arn string) string {
	t.Helper()
	versions := must[*greengrassv2.ListComponentVersionsOutput](t)(a.Greengrass().ListComponentVersions(t.Context(),
		&greengrassv2.ListComponentVersionsInput{Arn: &arn}))
	return string(must[*greengrassv2.GetComponentOutput](t)(a.Greengrass().GetComponent(t.Context(),
		&greengrassv2.GetComponentInput{Arn: versions.ComponentVersions[0].Arn})).Recipe)
}

// Versions are the versions of a component.
func (a Account) Versions(t testing.TB, component string) []string {
	t.Helper()
	out := must[*greengrassv2.ListComponentVersionsOutput](t)(a.Greengrass().ListComponentVersions(t.Context(),
		&greengrassv2.ListComponentVersionsInput{Arn: aws.String(a.ARN("greengrass", "components:"+component))}))
	var versions []string
	for _, v := range out.ComponentVersions {
		versions = append(versions, aws.ToString(v.ComponentVersion))
	}
	return versions
}

// Revisions are the statuses of all deployments to a thing group, the oldest first.
func (a Account) Revisions(t testing.TB, group string) []string {
	t.Helper()
	out := must[*greengrassv2.ListDeploymentsOutput](t)(a.Greengrass().ListDeployments(t.Context(),
		&greengrassv2.ListDeploymentsInput{TargetArn: aws.String(a.ARN("iot", "thinggroup/"+group)),
			HistoryFilter: greengrass.DeploymentHistoryFilterAll}))
	slices.SortFunc(out.Deployments, func(a, b greengrass.Deployment) int {
		return cmp.Compare(aws.ToString(a.RevisionId), aws.ToString(b.RevisionId))
	})
	var statuses []string
	for _, d := range out.Deployments {
		statuses = append(statuses, string(d.DeploymentStatus))
	}
	return statuses
}

// GreengrassImpostors takes the places of parts of a pipeline that deploys to gateways.
var GreengrassImpostors = []Impostor{
	{
		Part: "greengrass/role_alias", Kind: "role alias",
		Make: func(t testing.TB, a Account, r assembly.Record) {
			must[*iot.CreateRoleAliasOutput](t)(a.IoT().CreateRoleAlias(t.Context(), &iot.CreateRoleAliasInput{
				RoleAlias: &r.Name, RoleArn: aws.String("arn:aws:iam::123456789012:role/of-somebody")}))
		},
		Look: func(t testing.TB, a Account, r assembly.Record) any {
			return must[*iot.DescribeRoleAliasOutput](t)(a.IoT().DescribeRoleAlias(t.Context(),
				&iot.DescribeRoleAliasInput{RoleAlias: &r.Name})).RoleAliasDescription
		},
		Remove: func(t testing.TB, a Account, r assembly.Record) {
			must[*iot.DeleteRoleAliasOutput](t)(a.IoT().DeleteRoleAlias(t.Context(),
				&iot.DeleteRoleAliasInput{RoleAlias: &r.Name}))
		},
	},
	{
		Part: "greengrass/component", Kind: "component",
		Make: func(t testing.TB, a Account, r assembly.Record) {
			must[*greengrassv2.CreateComponentVersionOutput](t)(a.Greengrass().CreateComponentVersion(t.Context(),
				&greengrassv2.CreateComponentVersionInput{InlineRecipe: []byte(`{"RecipeFormatVersion":"2020-01-25",` +
					`"ComponentName":"` + r.Name + `","ComponentVersion":"1.0.0","Manifests":[{"Platform":{"os":"linux"}}]}`)}))
		},
		Look: func(t testing.TB, a Account, r assembly.Record) any {
			return []any{a.Versions(t, r.Name), a.recipe(t, r.ARN)}
		},
		Remove: func(t testing.TB, a Account, r assembly.Record) {
			must[*greengrassv2.DeleteComponentOutput](t)(a.Greengrass().DeleteComponent(t.Context(),
				&greengrassv2.DeleteComponentInput{Arn: aws.String(r.ARN + ":versions:1.0.0")}))
		},
	},
}
