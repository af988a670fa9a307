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

// artifacts returns those artifacts of a version that exist. It is never nil.
func (d *Driver) artifacts(ctx context.Context, name, version string) ([]spec.Artifact, error) {
	out, err := d.c.Greengrass().GetComponent(ctx, &greengrassv2.GetComponentInput{
		Arn: aws.String(d.arn(name) + ":versions:" + version), RecipeOutputFormat: types.RecipeOutputFormatJson})
	if awsapi.IsNotFound(err) {
		return []spec.Artifact{}, nil
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
	found := []spec.Artifact{}
	for _, m := range recipe.Manifests {
		for _, listed := range m.Artifacts {
			var a spec.Artifact
			a.Bucket, a.Key, _ = strings.Cut(strings.TrimPrefix(listed.URI, "s3://"), "/")
			there, err := d.exists(ctx, a)
			if err != nil {
				return nil, err
			}
			if there {
				found = append(found, a)
			}
		}
	}
	return found, nil
}
