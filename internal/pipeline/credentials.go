package pipeline

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// CredentialsStores are the values of credentials.store. StoreFor gives the default.
var CredentialsStores = Choice{
	Values: []string{contract.ParameterStore, contract.SecretsManager, contract.CredentialsInBucket},
}

// ParameterStoreFleet is the most devices whose bundles are parameters by default. Parameter Store takes three writes
// a second [AWS quota], so that more would keep an apply waiting; S3 takes thousands.
const ParameterStoreFleet = 20

const (
	// accessLogPrefix is where the bucket of the archive has the access log of the credentials' bucket.
	accessLogPrefix = "credentials-access/"
	accessLogDays   = 90
	// replacedDays is how long a bundle that was overwritten stays; its certificate is gone by then.
	replacedDays = 1
)

// StoreFor returns where the bundles of a new fleet are kept if its configuration does not say.
func StoreFor(devices int) string {
	if devices > ParameterStoreFleet {
		return contract.CredentialsInBucket
	}
	return contract.ParameterStore
}

var (
	pathPattern      = regexp.MustCompile(`^[a-zA-Z0-9_./-]+$`)
	principalPattern = regexp.MustCompile(`^arn:aws[a-z-]*:iam::(\d{12}|\*):(role|user)/[\w+=,.@/*-]+$`)
	secretPattern    = regexp.MustCompile(`^[a-zA-Z0-9/_+=.@-]+$`)
)

// CertificateVersion limits credentials.certificate_version, and DeviceCertificateVersion that of a device.
var (
	CertificateVersion       = Limit{Min: 1, Max: maxCertificateVersion, Default: value(1), Source: "this provider"}
	DeviceCertificateVersion = Limit{Min: 1, Max: maxCertificateVersion, Source: "this provider"}
)

const maxCertificateVersion = 999_999

// CredentialsSpec says where the credentials bundles of devices are kept.
type CredentialsSpec struct {
	Store    *string `json:"store,omitzero"`
	Path     *string `json:"path,omitzero"` // a bundle's name is Path + "/" + thing
	KMSKeyID *string `json:"kms_key_id,omitzero"`
	// AllowedPrincipals are all who may use the bundles in a bucket, with * for any part of a name. Nil: whoever IAM
	// allows it.
	AllowedPrincipals []string `json:"allowed_principals,omitzero"`
	// CertificateVersion is the least version of the devices' certificates that the provider makes; nil: 1.
	CertificateVersion *int64 `json:"certificate_version,omitzero"`
}

// credentials is where devices' certificates and keys are kept. The parts that write them are the fleet and the claim
// certificate.
func credentials() capability {
	return capability{
		// The name of the claim certificate's bundle begins with the path.
		shapes: []shape{
			{arguments: []string{"credentials", "credentials.path"}, parts: true,
				outputs: []string{"naming.credentials", "registration"}},
			// The store of a new fleet depends on its size.
			{arguments: []string{"credentials", "credentials.store", "devices", "devices_from", "devices_from.path"},
				parts: true, outputs: []string{"credentials_store", "naming.credentials"}},
			expiryShape,
		},
		defaults: func(s *Spec) {
			s.Credentials = block(s.Credentials)
			s.Credentials.Path = or(s.Credentials.Path, contract.DefaultCredentialsPath(s.Name))
			s.Credentials.CertificateVersion = CertificateVersion.Or(s.Credentials.CertificateVersion)
		},
		check: func(c *checker, s Spec) { c.checkCredentials(s) },
		parts: func(b *builder) []assembly.Part {
			if b.storeKind() != contract.CredentialsInBucket {
				return nil
			}
			return []assembly.Part{b.credentialsBucket()}
		},
		outputs: func(b *builder, _ assembly.Upstream, out *Outputs) {
			out.CredentialsStore, out.CertificatesExpire = b.storeKind(), b.certificatesExpire()
		},
	}
}

// storeKind is what the configuration says; else an existing pipeline keeps what it has, whatever size it grows to.
func (b *builder) storeKind() string {
	if written := b.config.Credentials.Store; written != nil {
		return *written
	}
	if b.env.CredentialsStore != "" {
		return b.env.CredentialsStore
	}
	return StoreFor(b.bundleCount())
}

// deviceStore is where the bundles of devices are.
func (b *builder) deviceStore() spec.CredentialsStore {
	c := b.config.Credentials
	s := spec.CredentialsStore{Kind: b.storeKind(), Path: *c.Path, KMSKeyID: b.arn.key(deref(c.KMSKeyID))}
	if s.Kind == contract.CredentialsInBucket {
		s.Bucket = b.names.credentialsBucket()
	}
	return s
}

// claimStore is where the bundle of the claim certificate is: a parameter if the devices' are in a bucket, because
// there is only one.
func (b *builder) claimStore() spec.CredentialsStore {
	s := b.deviceStore()
	s.Path = b.claimBundle()
	if s.Kind == contract.CredentialsInBucket {
		s.Kind, s.Bucket = contract.ParameterStore, ""
	}
	return s
}

// bundleNames is what the name of each bundle begins with.
func (b *builder) bundleNames() string {
	s := b.deviceStore()
	if s.Bucket != "" {
		return "s3://" + s.Bucket + "/" + strings.TrimPrefix(s.Path, "/")
	}
	return s.Path
}

// credentialsBucket holds the bundles and nothing else. Destroy empties it as it empties Parameter Store: the bundles
// are of no use without their devices.
func (b *builder) credentialsBucket() assembly.Part {
	name := b.names.credentialsBucket()
	arn := b.arn.bucket(name)
	bucket := spec.Bucket{
		KMSKeyID: b.deviceStore().KMSKeyID,
		Policy:   policy(append([]statement{denyPlain("s3:*", arn, arn+"/*")}, b.denyOthers(arn+"/*")...)...),
		Lifecycle: []spec.LifecycleRule{{
			ID: "housekeeping", NoncurrentExpireDays: replacedDays, AbortMultipartUploadDays: abortUploadDays,
			ExpiredObjectDeleteMarkers: true,
		}},
		ForceDestroy: true,
		Tags:         b.env.Tags,
	}
	var after []string
	if b.logsAccess() {
		bucket.LogBucket, bucket.LogPrefix = b.names.bucket(), accessLogPrefix
		after = []string{"bucket"}
	}
	return b.part(contract.KeyCredentialsBucket, spec.KindBucket, name, arn, after, bucket)
}

// denyOthers refuses the objects to everybody but the allowed principals.
func (b *builder) denyOthers(objects string) []statement {
	allowed := b.config.Credentials.AllowedPrincipals
	if len(allowed) == 0 {
		return nil
	}
	return []statement{{
		Sid: "AllowedPrincipalsOnly", Effect: "Deny", Principal: "*", Resource: []string{objects},
		Action:    []string{"s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"},
		Condition: conditions{"ArnNotLike": {"aws:PrincipalArn": sorted(slices.Clone(allowed))}},
	}}
}

// logsAccess reports whether S3 logs who reads the bundles. It cannot deliver to a bucket that a KMS key encrypts
// [S3 server access logging].
func (b *builder) logsAccess() bool {
	return b.storeKind() == contract.CredentialsInBucket && b.config.Archive.KMSKeyID == nil
}

// acceptAccessLog is what the policy of the archive's bucket adds for the access log.
func (b *builder) acceptAccessLog() []statement {
	if !b.logsAccess() {
		return nil
	}
	return []statement{{
		Sid: "AccessLog", Effect: "Allow", Principal: principal{Service: "logging.s3.amazonaws.com"},
		Action:   []string{"s3:PutObject"},
		Resource: []string{b.arn.bucket(b.names.bucket()) + "/" + accessLogPrefix + "*"},
		Condition: conditions{"ArnLike": {"aws:SourceArn": {b.arn.bucket(b.names.credentialsBucket())}},
			"StringEquals": {"aws:SourceAccount": {b.env.AccountID}}},
	}}
}

func (c *checker) checkCredentials(config Spec) {
	s := config.Credentials
	if s == nil {
		return
	}
	c.choice("credentials.store", s.Store, CredentialsStores)
	c.key("credentials.kms_key_id", s.KMSKeyID)
	c.number("credentials.certificate_version", s.CertificateVersion, CertificateVersion)
	c.checkAllowedPrincipals(s)
	if deref(s.Store) == contract.CredentialsInBucket && config.Archive != nil && config.Archive.KMSKeyID != nil {
		c.warn("credentials.store", "Nobody logs who reads the credentials",
			"S3 cannot deliver the access log of the credentials' bucket to the bucket of the archive, because a KMS "+
				"key encrypts that. Let CloudTrail record data events of the credentials' bucket.")
	}
	switch {
	case s.Path == nil || !c.known("credentials.path"):
	case deref(s.Store) == contract.SecretsManager:
		c.checkSecretPath("credentials.path", *s.Path)
	default:
		c.checkParameterPath("credentials.path", *s.Path)
	}
}

func (c *checker) checkAllowedPrincipals(s *CredentialsSpec) {
	const path = "credentials.allowed_principals"
	if s.AllowedPrincipals == nil || !c.known(path) {
		return
	}
	if c.known("credentials.store") && deref(s.Store) != contract.CredentialsInBucket {
		c.fail(path, "allowed_principals is only for a bucket", "Set store = %q with it, or leave it out: IAM alone "+
			"decides who may read parameters and secrets.", contract.CredentialsInBucket)
	}
	if len(s.AllowedPrincipals) == 0 {
		c.fail(path, "allowed_principals is empty", "Nobody could read or write the credentials, not even the "+
			"provider. Name the role that runs Terraform, or leave the argument out.")
	}
	for i, p := range s.AllowedPrincipals {
		if c.known(item(path, i)) {
			c.text(item(path, i), p, principalPattern,
				"write the ARN of an IAM role or user, arn:aws:iam::<account>:role/<name>; * stands for any part")
		}
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

// CheckCaller returns a *ProblemError if the caller, an ARN as STS gives it, could not write the bundles. An empty one
// is not known.
func CheckCaller(config Spec, caller string) error {
	if config.Credentials == nil || caller == "" || len(config.Credentials.AllowedPrincipals) == 0 {
		return nil
	}
	for _, allowed := range config.Credentials.AllowedPrincipals {
		if coversCaller(allowed, caller) {
			return nil
		}
	}
	return &ProblemError{Problem: Problem{Path: "credentials.allowed_principals",
		Summary: "The provider would lock itself out",
		Detail: fmt.Sprintf("The plan runs as %s, which no entry of allowed_principals covers: it could not write the "+
			"devices' credentials. Add the ARN of its role or user. Nothing was changed.", caller)}}
}

// coversCaller compares as IAM does. STS names a role of a session without its path, so only its name is compared.
func coversCaller(allowed, caller string) bool {
	if _, session, assumed := strings.Cut(caller, ":assumed-role/"); assumed {
		role, _, _ := strings.Cut(session, "/")
		_, path, isRole := strings.Cut(allowed, ":role/")
		return isRole && glob(path[strings.LastIndex(path, "/")+1:]).MatchString(role)
	}
	return glob(allowed).MatchString(caller)
}

// glob is a pattern in which * stands for any text.
func glob(pattern string) *regexp.Regexp {
	return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + "$")
}
