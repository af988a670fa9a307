// Package provisioningtemplate knows AWS IoT provisioning templates: the version
// in force, the role and the hook of their registrations. It must not know what a
// template's body says.
package provisioningtemplate

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/iotaccess"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/iottags"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// hookVersion is the one version of a hook's payload that there is [AWS 4 Pre-provisioning hook].
const hookVersion = "2020-04-01"

// deletionTimeout bounds the wait until AWS has noticed that no certificate authority uses a template any more, and
// until another write to it is through. AWS names no time for either.
const deletionTimeout = 2 * time.Minute

// Driver implements assembly.Driver for provisioning templates; the ID is the template's name.
type Driver struct{ c *awsapi.Clients }

// New makes a driver that works with c.
func New(c *awsapi.Clients) *Driver { return &Driver{c: c} }

// Observe reads the template with the body in force; its tags only before it is recorded and for full reads.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.ProvisioningTemplate], error) {
	out, err := d.c.IoT().
		DescribeProvisioningTemplate(ctx, &iot.DescribeProvisioningTemplateInput{TemplateName: &ref.Name})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o := &assembly.Observed[spec.ProvisioningTemplate]{
		Identity: identity(out.TemplateName, out.TemplateArn),
		Spec:     specOf(out),
	}
	o.Owner, o.Spec.Tags, err = iottags.Observe(ctx, d.c, ref, o.ARN)
	return o, err
}

// Owner implements [assembly.OwnerReader] with one call.
func (d *Driver) Owner(ctx context.Context, ref assembly.Ref) (token string, exists bool, err error) {
	return iottags.Owner(ctx, d.c, d.c.ARN("iot", "provisioningtemplate/"+ref.Name))
}

func specOf(out *iot.DescribeProvisioningTemplateOutput) spec.ProvisioningTemplate {
	s := spec.ProvisioningTemplate{
		Type:        cmp.Or(string(out.Type), spec.TemplateFleetProvisioning),
		Description: aws.ToString(out.Description),
		Body:        aws.ToString(out.TemplateBody),
		RoleARN:     aws.ToString(out.ProvisioningRoleArn),
		Disabled:    !aws.ToBool(out.Enabled),
	}
	if out.PreProvisioningHook != nil {
		s.HookARN = aws.ToString(out.PreProvisioningHook.TargetArn)
	}
	return s
}

// Create makes the template, enabled, with its tags.
func (d *Driver) Create(
	ctx context.Context,
	ref assembly.Ref,
	want spec.ProvisioningTemplate,
) (assembly.Identity, error) {
	in := &iot.CreateProvisioningTemplateInput{
		TemplateName:        &ref.Name,
		Type:                types.TemplateType(want.Type),
		Description:         &want.Description,
		TemplateBody:        &want.Body,
		ProvisioningRoleArn: &want.RoleARN,
		PreProvisioningHook: hook(want.HookARN),
		Enabled:             aws.Bool(true),
		Tags:                iottags.WithOwner(ref.Owner, want.Tags),
	}
	var out *iot.CreateProvisioningTemplateOutput
	err := iotaccess.Retry(ctx, d.c, "waiting until AWS IoT can use the template's role and hook",
		func(ctx context.Context) (err error) {
			out, err = d.c.IoT().CreateProvisioningTemplate(ctx, in)
			return err
		},
	)
	if awsapi.Is(err, "ResourceAlreadyExistsException") {
		return ownertag.Resume(ctx, d, ref, want, err)
	}
	if err != nil {
		return assembly.Identity{}, err
	}
	return identity(out.TemplateName, out.TemplateArn), nil
}

// Update changes the settings with one call, puts a new version in force for a new body, and changes tags.
func (d *Driver) Update(
	ctx context.Context,
	ref assembly.Ref,
	have *assembly.Observed[spec.ProvisioningTemplate],
	want spec.ProvisioningTemplate,
	changes []assembly.Change,
) (assembly.Identity, error) {
	in := &iot.UpdateProvisioningTemplateInput{TemplateName: &ref.Name}
	settings, body, tags := false, false, false
	for _, c := range changes {
		switch c.Field {
		case "description":
			in.Description, settings = &want.Description, true
		case "role":
			in.ProvisioningRoleArn, settings = &want.RoleARN, true
		case "hook":
			in.PreProvisioningHook, settings = hook(want.HookARN), true
			if want.HookARN == "" {
				in.RemovePreProvisioningHook = aws.Bool(true)
			}
		case "enabled":
			in.Enabled, settings = aws.Bool(true), true
		case "body":
			body = true
		case "tags":
			tags = true
		default:
			return have.Identity, ownertag.Unknown(c)
		}
	}
	if settings {
		if err := d.update(ctx, in); err != nil {
			return have.Identity, err
		}
	}
	if body {
		if err := d.newVersion(ctx, ref.Name, want.Body); err != nil {
			return have.Identity, err
		}
	}
	if tags {
		return have.Identity, iottags.Update(ctx, d.c, have.ARN, have.Spec.Tags, want.Tags)
	}
	return have.Identity, nil
}

func (d *Driver) update(ctx context.Context, in *iot.UpdateProvisioningTemplateInput) error {
	return iotaccess.Retry(ctx, d.c, "waiting until AWS IoT can use the template's role and hook",
		func(ctx context.Context) error {
			_, err := d.c.IoT().UpdateProvisioningTemplate(ctx, in)
			return err
		},
	)
}

// newVersion puts body in force. A template has room for five versions, like a policy: the oldest that is not in
// force goes [AWS 1.4 CreatePolicyVersion]; the model gives CreateProvisioningTemplateVersion the same refusal.
func (d *Driver) newVersion(ctx context.Context, name, body string) error {
	create := func(ctx context.Context) error {
		return iotaccess.Retry(ctx, d.c, "waiting until AWS IoT takes another version of the template",
			func(ctx context.Context) error {
				_, err := d.c.IoT().CreateProvisioningTemplateVersion(ctx, &iot.CreateProvisioningTemplateVersionInput{
					TemplateName: &name,
					TemplateBody: &body,
					SetAsDefault: true,
				})
				return err
			},
		)
	}
	err := create(ctx)
	if !awsapi.Is(err, "VersionsLimitExceededException") {
		return err
	}
	oldest, found, listErr := d.oldestVersion(ctx, name)
	if listErr != nil {
		return listErr
	}
	if !found {
		return err
	}
	_, err = d.c.IoT().DeleteProvisioningTemplateVersion(ctx,
		&iot.DeleteProvisioningTemplateVersionInput{TemplateName: &name, VersionId: &oldest})
	if err != nil && !awsapi.IsNotFound(err) {
		return fmt.Errorf("deleting its version %d: %w", oldest, err)
	}
	return create(ctx)
}

// oldestVersion gives the oldest version that is not in force.
func (d *Driver) oldestVersion(ctx context.Context, name string) (oldest int32, found bool, err error) {
	var old []int32
	pages := iot.NewListProvisioningTemplateVersionsPaginator(d.c.IoT().ListProvisioningTemplateVersions,
		&iot.ListProvisioningTemplateVersionsInput{TemplateName: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, false, fmt.Errorf("listing its versions: %w", err)
		}
		for _, v := range page.Versions {
			if !v.IsDefaultVersion {
				old = append(old, aws.ToInt32(v.VersionId))
			}
		}
	}
	if len(old) == 0 {
		return 0, false, nil
	}
	return slices.Min(old), true, nil
}

// Delete removes the template with all its versions. AWS refuses while a certificate authority uses it.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	err := d.c.Retry(ctx, "waiting until AWS lets the template go", deletionTimeout,
		func(err error) bool {
			return awsapi.Is(err, "DeleteConflictException", "ConflictingResourceUpdateException")
		},
		func(ctx context.Context) error {
			_, err := d.c.IoT().DeleteProvisioningTemplate(ctx,
				&iot.DeleteProvisioningTemplateInput{TemplateName: &ref.Name})
			return err
		})
	if awsapi.IsNotFound(err) {
		return nil
	}
	return err
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{} }

// Diff names type, description, body, role, hook, enabled and tags. The type cannot be changed [AWS 4 Types].
func (d *Driver) Diff(have, want spec.ProvisioningTemplate) []assembly.Change {
	var changes []assembly.Change
	add := func(differs bool, c assembly.Change) {
		if differs {
			changes = append(changes, c)
		}
	}
	add(have.Type != want.Type, assembly.Change{Field: "type", Replace: true})
	add(have.Description != want.Description, assembly.Change{Field: "description"})
	add(!sameJSON(have.Body, want.Body), assembly.Change{Field: "body"})
	add(have.RoleARN != want.RoleARN, assembly.Change{Field: "role"})
	add(have.HookARN != want.HookARN, assembly.Change{Field: "hook"})
	add(have.Disabled, assembly.Change{Field: "enabled"})
	add(ownertag.TagsDiffer(have.Tags, want.Tags), assembly.Change{Field: "tags"})
	return changes
}

// sameJSON reports whether two bodies are the same document. White space and the order of keys do not count; the
// order of lists does, since it is that of a function's arguments. Texts that are not JSON are the same only when
// they are equal.
func sameJSON(a, b string) bool {
	left, err := parse(a)
	if err != nil {
		return a == b
	}
	right, err := parse(b)
	if err != nil {
		return false
	}
	return reflect.DeepEqual(left, right)
}

func parse(text string) (value any, err error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber() // numbers of any length stay what they are
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("text after the template's body")
	}
	return value, nil
}

func hook(arn string) *types.ProvisioningHook {
	if arn == "" {
		return nil
	}
	return &types.ProvisioningHook{TargetArn: &arn, PayloadVersion: aws.String(hookVersion)}
}

func identity(name, arn *string) assembly.Identity {
	return assembly.Identity{ID: aws.ToString(name), ARN: aws.ToString(arn)}
}
