package pipeline

import (
	"regexp"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// CredentialsStores are the values of credentials.store.
var CredentialsStores = Choice{
	Values: []string{contract.ParameterStore, contract.SecretsManager}, Default: contract.ParameterStore,
}

var (
	pathPattern   = regexp.MustCompile(`^[a-zA-Z0-9_./-]+$`)
	secretPattern = regexp.MustCompile(`^[a-zA-Z0-9/_+=.@-]+$`)
)

// CredentialsSpec says where the credentials bundles of devices are kept.
type CredentialsSpec struct {
	Store    *string `json:"store,omitzero"`
	Path     *string `json:"path,omitzero"` // a bundle's name is Path + "/" + thing
	KMSKeyID *string `json:"kms_key_id,omitzero"`
}

// credentials is where devices' certificates and keys are kept. The parts that write them are the fleet and the claim
// certificate.
func credentials() capability {
	return capability{
		// The name of the claim certificate's bundle begins with the path.
		shapes: []shape{{arguments: []string{"credentials", "credentials.path"}, parts: true,
			outputs: []string{"naming.credentials", "registration"}}},
		defaults: func(s *Spec) {
			s.Credentials = block(s.Credentials)
			s.Credentials.Store = CredentialsStores.Or(s.Credentials.Store)
			s.Credentials.Path = or(s.Credentials.Path, contract.DefaultCredentialsPath(s.Name))
		},
		check: func(c *checker, s Spec) { c.checkCredentials(s.Credentials) },
	}
}

// credentialsStore returns the store with bundles below path.
func (b *builder) credentialsStore(path string) spec.CredentialsStore {
	c := b.config.Credentials
	return spec.CredentialsStore{Kind: *c.Store, Path: path, KMSKeyID: b.arn.key(deref(c.KMSKeyID))}
}

func (c *checker) checkCredentials(s *CredentialsSpec) {
	if s == nil {
		return
	}
	c.choice("credentials.store", s.Store, CredentialsStores)
	c.key("credentials.kms_key_id", s.KMSKeyID)
	switch {
	case s.Path == nil || !c.known("credentials.path"):
	case deref(s.Store) == contract.SecretsManager:
		c.checkSecretPath("credentials.path", *s.Path)
	default:
		c.checkParameterPath("credentials.path", *s.Path)
	}
}

func (c *checker) checkSecretPath(path, p string) {
	if c.text(path, p, secretPattern, "a secret's name holds only letters, digits and / _ + = . @ -") && len(p) > 380 {
		c.fail(path, "path is too long", "It has %d characters; followed by a thing's name, a secret's name must fit "+
			"into 512. Use at most 380.", len(p))
	}
}

func (c *checker) checkParameterPath(path, p string) {
	first, _, _ := strings.Cut(strings.TrimPrefix(strings.ToLower(p), "/"), "/")
	switch {
	case !strings.HasPrefix(p, "/") || strings.HasSuffix(p, "/") || strings.Contains(p, "//") ||
		!pathPattern.MatchString(p):
		c.fail(path, "path is not valid", "%s is not a path in Parameter Store: it starts with a slash, does not end "+
			"with one, and holds letters, digits and _ . - between slashes.", excerpt(p))
	case strings.HasPrefix(first, "aws") || strings.HasPrefix(first, "ssm"):
		c.fail(path, "path is not valid", "Parameter Store reserves names that start with aws and ssm. "+
			"Start the path differently.")
	case strings.Count(p, "/") > 14 || len(p) > 800:
		c.fail(path, "path is too long", "With the thing's name a parameter has at most 15 levels and 1011 "+
			"characters, ARN included. Use a shorter path.")
	}
}
