package deployed

import (
	"cmp"
	"context"
	_ "embed" // the root certificate
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/bulk"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/credstore"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// RootCA is the certificate of Amazon Root CA 1, which signs AWS IoT's endpoints [AWS IoT server authentication].
//
//go:embed amazon_root_ca_1.pem
var RootCA string

// Store is where the pipeline keeps the bundles of its devices.
func (p *Pipeline) Store() spec.CredentialsStore {
	return spec.CredentialsStore{
		Kind:   cmp.Or(p.CredentialsStore, contract.ParameterStore),
		Path:   cmp.Or(trimSlash(p.Spec.Credentials.Path), contract.DefaultCredentialsPath(p.Name)),
		Bucket: p.Parts[contract.KeyCredentialsBucket].Name, KMSKeyID: p.Spec.Credentials.KMSKeyID,
	}
}

func trimSlash(path string) string {
	for len(path) > 1 && path[len(path)-1] == '/' {
		path = path[:len(path)-1]
	}
	return path
}

// Credentials returns the bundle of a device.
func (p *Pipeline) Credentials(ctx context.Context, device string) (contract.Bundle, error) {
	if err := p.CheckDevice(ctx, device); err != nil {
		return contract.Bundle{}, err
	}
	if gateway := contract.GatewayOf(device); gateway != "" {
		return contract.Bundle{}, fmt.Errorf("device %q has no credentials: it is behind the gateway %q, which "+
			"connects for it. Read those of the gateway", device, gateway)
	}
	s := p.Store()
	text, err := p.read(ctx, credstore.Open(p.clients, p.pool(), s, p.ID, nil), device)
	if err != nil {
		return contract.Bundle{}, fmt.Errorf("reading the credentials of device %q: %w", device, err)
	}
	if text == "" {
		return contract.Bundle{}, fmt.Errorf("device %q of pipeline %q has no credentials at %q: it registered "+
			"itself and keeps its key, or somebody has deleted them. For a device of the configuration, set "+
			"deep_check = true and apply", device, p.Name, s.Path+"/"+device)
	}
	var b contract.Bundle
	if err := json.Unmarshal([]byte(text), &b); err != nil || b.Thing != device {
		return contract.Bundle{}, fmt.Errorf("the credentials of device %q at %q are not what the provider has "+
			"written; set deep_check = true and apply to write them again", device, s.Path+"/"+device)
	}
	return b, nil
}

// ClaimCredentials returns the bundle of the claim certificate.
func (p *Pipeline) ClaimCredentials(ctx context.Context) (contract.ClaimBundle, error) {
	if p.Parts[contract.KeyClaim].Name == "" {
		return contract.ClaimBundle{}, fmt.Errorf("pipeline %q has no claim certificate: its provisioning has no "+
			"claim block. Add provisioning = { claim = {} } and apply", p.Name)
	}
	s := p.Store()
	s.Path = contract.ClaimBundleName(s.Path)
	if s.Kind == contract.CredentialsInBucket {
		s.Kind = contract.ParameterStore // the bucket is for devices only
	}
	text, err := p.read(ctx, credstore.OpenSingle(p.clients, p.pool(), s, p.ID, nil), s.Path)
	if err != nil {
		return contract.ClaimBundle{}, fmt.Errorf("reading the claim credentials: %w", err)
	}
	var b contract.ClaimBundle
	if text == "" || json.Unmarshal([]byte(text), &b) != nil || b.CertificatePEM == "" {
		return contract.ClaimBundle{}, fmt.Errorf("the claim credentials of pipeline %q are not at %q, or they are "+
			"not complete; run terraform apply to write them again", p.Name, s.Path)
	}
	return b, nil
}

func (p *Pipeline) pool() *bulk.Pool { return bulk.NewPool(p.clients, 1, nil) }

func (p *Pipeline) read(ctx context.Context, s *credstore.Store, name string) (string, error) {
	texts, err := s.Read(ctx, []string{name})
	return texts[name], err
}

// errUnknown is the error of a device that does not belong to the pipeline.
var errUnknown = errors.New("has no device")

// CheckRecipient returns an error unless a device belongs to the pipeline, or can be behind a gateway that does: only
// the gateway knows a device that is not described.
func (p *Pipeline) CheckRecipient(ctx context.Context, device string) error {
	err := p.CheckDevice(ctx, device)
	if !errors.Is(err, errUnknown) || !p.HasGateways() || !contract.IsChild(device) {
		return err
	}
	gateway := contract.GatewayOf(device)
	missing := p.CheckDevice(ctx, gateway)
	if errors.Is(missing, errUnknown) {
		return fmt.Errorf("%w, and no gateway %q that it could be behind", err, gateway)
	}
	return missing
}

// CheckDevice returns an error unless a device belongs to the pipeline.
func (p *Pipeline) CheckDevice(ctx context.Context, device string) error {
	out, err := p.clients.IoT().DescribeThing(ctx, &iot.DescribeThingInput{ThingName: aws.String(device)})
	if err != nil && !awsapi.IsNotFound(err) {
		return fmt.Errorf("looking for device %q: %w", device, err)
	}
	if err != nil || out.Attributes[contract.OwnerAttribute] != p.ID {
		return fmt.Errorf("pipeline %q %w %q", p.Name, errUnknown, device)
	}
	return nil
}
