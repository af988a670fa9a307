package greengrasscomponent

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/greengrassv2"
	"github.com/aws/aws-sdk-go-v2/service/greengrassv2/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// named returns the artifacts that the recipe of a version names.
func (d *Driver) named(ctx context.Context, name, version string) ([]spec.Artifact, error) {
	out, err := d.c.Greengrass().GetComponent(ctx, &greengrassv2.GetComponentInput{
		Arn: aws.String(d.arn(name) + ":versions:" + version), RecipeOutputFormat: types.RecipeOutputFormatJson})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading its recipe: %w", err)
	}
	var recipe struct {
		Manifests []struct {
			Artifacts []struct{ URI string }
		}
	}
	if err := json.Unmarshal(out.Recipe, &recipe); err != nil {
		return nil, fmt.Errorf("reading its recipe: %w", err)
	}
	var uris []string
	for _, m := range recipe.Manifests {
		for _, a := range m.Artifacts {
			uris = append(uris, a.URI)
		}
	}
	return artifactsOf(strings.Join(uris, " ")), nil
}

// artifactsOf reads URIs that are separated by spaces, which none can hold.
func artifactsOf(uris string) []spec.Artifact {
	var artifacts []spec.Artifact
	for _, uri := range strings.Fields(uris) {
		var a spec.Artifact
		a.Bucket, a.Key, _ = strings.Cut(strings.TrimPrefix(uri, "s3://"), "/")
		artifacts = append(artifacts, a)
	}
	return artifacts
}
