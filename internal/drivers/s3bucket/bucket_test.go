package s3bucket

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const (
	name    = "greenhouse-archive"
	tlsOnly = `{"Version":"2012-10-17","Statement":[{"Sid":"tls","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::greenhouse-archive","arn:aws:s3:::greenhouse-archive/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`
	key     = "arn:aws:kms:us-east-1:123456789012:key/a"
)

func full() spec.Bucket {
	return spec.Bucket{
		KMSKeyID: key,
		Policy:   tlsOnly,
		Tags:     map[string]string{"team": "bay"},
		Lifecycle: []spec.LifecycleRule{
			{ID: "versions", NoncurrentExpireDays: 30, AbortMultipartUploadDays: 7, ExpiredObjectDeleteMarkers: true},
			{ID: "archive", Prefix: "raw/", ExpireDays: 365, IntelligentTieringDays: aws.Int32(0)},
		},
	}
}

// logs is the bucket that the access log goes to.
const logs = "logs"

// makeLogs makes it, with the policy that S3 asks for.
func makeLogs(t *testing.T, client *s3.Client) {
	t.Helper()
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(logs)}); err != nil {
		t.Fatal(err)
	}
	_, err := client.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: aws.String(logs), Policy: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"logging.s3.amazonaws.com"},` +
			`"Action":["s3:PutObject"],"Resource":["arn:aws:s3:::logs/access/*"]}]}`)})
	if err != nil {
		t.Fatal(err)
	}
}

func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	client, bucket := c.S3(), aws.String(name)
	makeLogs(t, client)
	logged := full()
	logged.LogBucket, logged.LogPrefix = logs, "access/"
	drivertest.Life[spec.Bucket]{
		Clients: c, Driver: New(c), Name: name, Reads: 6, Full: logged,
		Steps: []drivertest.Step[spec.Bucket]{
			{
				Why:    "public access unblocked by hand",
				Fields: []string{"public_access_block"},
				Writes: []string{"PutPublicAccessBlock"},
				Drift: func(ctx context.Context) error {
					_, err := client.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{
						Bucket: bucket,
						PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
							BlockPublicAcls: aws.Bool(
								true,
							), IgnorePublicAcls: aws.Bool(true), BlockPublicPolicy: aws.Bool(false),
							RestrictPublicBuckets: aws.Bool(true)},
					})
					return err
				},
			},
			{
				Why:    "public access block removed by hand",
				Fields: []string{"public_access_block"},
				Writes: []string{"PutPublicAccessBlock"},
				Drift: func(ctx context.Context) error {
					_, err := client.DeletePublicAccessBlock(ctx, &s3.DeletePublicAccessBlockInput{Bucket: bucket})
					return err
				},
			},
			{
				Why:    "versioning suspended by hand",
				Fields: []string{"versioning"},
				Writes: []string{"PutBucketVersioning"},
				Drift: func(ctx context.Context) error {
					_, err := client.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
						Bucket: bucket,
						VersioningConfiguration: &types.VersioningConfiguration{
							Status: types.BucketVersioningStatusSuspended,
						},
					})
					return err
				},
			},
			{
				Why:    "ownership changed by hand",
				Fields: []string{"ownership"},
				Writes: []string{"PutBucketOwnershipControls"},
				Drift: func(ctx context.Context) error {
					_, err := client.PutBucketOwnershipControls(
						ctx,
						&s3.PutBucketOwnershipControlsInput{Bucket: bucket, OwnershipControls: &types.OwnershipControls{
							Rules: []types.OwnershipControlsRule{
								{ObjectOwnership: types.ObjectOwnershipObjectWriter},
							}}},
					)
					return err
				},
			},
			{
				Why:    "encryption removed by hand",
				Fields: []string{"kms_key_id"},
				Writes: []string{"PutBucketEncryption"},
				Drift: func(ctx context.Context) error {
					_, err := client.DeleteBucketEncryption(ctx, &s3.DeleteBucketEncryptionInput{Bucket: bucket})
					return err
				},
			},
			{Why: "SSE-S3 wanted", Fields: []string{"kms_key_id"}, Writes: []string{"PutBucketEncryption"},
				Want: drivertest.Changing(func(s *spec.Bucket) { s.KMSKeyID = "" })},
			{
				Why:    "policy removed by hand",
				Fields: []string{"policy"},
				Writes: []string{"PutBucketPolicy"},
				Drift: func(ctx context.Context) error {
					_, err := client.DeleteBucketPolicy(ctx, &s3.DeleteBucketPolicyInput{Bucket: bucket})
					return err
				},
			},
			{Why: "no policy wanted", Fields: []string{"policy"}, Writes: []string{"DeleteBucketPolicy"},
				Want: drivertest.Changing(func(s *spec.Bucket) { s.Policy = "" })},
			{
				Why:    "rule replaced by hand with one that moves to Glacier",
				Fields: []string{"lifecycle"},
				Writes: []string{"PutBucketLifecycleConfiguration"},
				Drift: func(ctx context.Context) error {
					_, err := client.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{
						Bucket: bucket,
						LifecycleConfiguration: &types.BucketLifecycleConfiguration{
							Rules: []types.LifecycleRule{
								{
									ID:     aws.String("cold"),
									Status: types.ExpirationStatusEnabled,
									Filter: &types.LifecycleRuleFilter{Prefix: aws.String("")},
									Transitions: []types.Transition{
										{Days: aws.Int32(30), StorageClass: types.TransitionStorageClassGlacier},
									},
								},
							}},
					})
					return err
				},
			},
			{
				Why:    "shorter expiry wanted",
				Fields: []string{"lifecycle"},
				Writes: []string{"PutBucketLifecycleConfiguration"},
				Want: drivertest.Changing(func(s *spec.Bucket) {
					s.Lifecycle = []spec.LifecycleRule{{ID: "archive", Prefix: "raw/", ExpireDays: 30}}
				}),
			},
			{
				Why:    "access log switched off by hand",
				Fields: []string{"access_log"},
				Writes: []string{"PutBucketLogging"},
				Drift: func(ctx context.Context) error {
					_, err := client.PutBucketLogging(ctx, &s3.PutBucketLoggingInput{
						Bucket: bucket, BucketLoggingStatus: &types.BucketLoggingStatus{},
					})
					return err
				},
			},
			{Why: "no access log wanted", Fields: []string{"access_log"}, Writes: []string{"PutBucketLogging"},
				Want: drivertest.Changing(func(s *spec.Bucket) { s.LogBucket, s.LogPrefix = "", "" })},
			{Why: "no lifecycle wanted", Fields: []string{"lifecycle"}, Writes: []string{"DeleteBucketLifecycle"},
				Want: drivertest.Changing(func(s *spec.Bucket) { s.Lifecycle = nil })},
			{
				Why:    "tags changed by hand",
				Fields: []string{"tags"},
				Writes: []string{"PutBucketTagging"},
				Drift: func(ctx context.Context) error {
					_, err := client.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{
						Bucket: bucket,
						Tagging: &types.Tagging{
							TagSet: []types.Tag{
								{Key: aws.String(spec.OwnerTag), Value: aws.String(drivertest.Owner)},
							},
						},
					})
					return err
				},
			},
			{Why: "force_destroy wanted: no call", Fields: []string{"force_destroy"},
				Want: drivertest.Changing(func(s *spec.Bucket) { s.ForceDestroy = true })},
		},
		Foreign: func(ctx context.Context) error {
			if _, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket}); err != nil {
				return err
			}
			// moto keeps the tags of what is deleted.
			_, err := client.DeleteBucketTagging(ctx, &s3.DeleteBucketTaggingInput{Bucket: bucket})
			return err
		},
	}.Run(t)
}

func TestFullReadCostsOneMore(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	d := New(c)
	ref := assembly.Ref{Name: name, Owner: drivertest.Owner}
	if _, err := d.Create(t.Context(), ref, full()); err != nil {
		t.Fatal(err)
	}
	cost := func(ref assembly.Ref) int {
		before := total(c)
		if _, err := d.Observe(t.Context(), ref); err != nil {
			t.Fatal(err)
		}
		return total(c) - before
	}
	if got := [2]int{cost(ref), cost(ref.InFull())}; got != [2]int{6, 7} {
		t.Errorf("plain and full reads cost %v calls", got)
	}
}

func total(c *awsapi.Clients) (n int) {
	for _, count := range c.Requests() {
		n += count
	}
	return n
}

// TestOtherRegion is about the answer that us-east-1 alone does not give: BucketAlreadyOwnedByYou.
func TestOtherRegion(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t)).InRegion("eu-west-1")
	d := New(c)
	ctx, ref := t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}
	first, err := d.Create(ctx, ref, full())
	if err != nil {
		t.Fatal(err)
	}
	location, err := c.S3().GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: aws.String(name)})
	if err != nil || location.LocationConstraint != "eu-west-1" {
		t.Errorf("%+v, %v", location, err)
	}
	again, err := d.Create(ctx, ref, full())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Error(diff)
	}
	if id, err := d.Create(ctx, assembly.Ref{Name: name, Owner: drivertest.Other}, full()); err == nil {
		t.Errorf("another pipeline took the bucket: %+v", id)
	}
}

func TestRefusals(t *testing.T) {
	for _, tc := range []struct {
		why   string
		fault mototest.Fault
		says  string
	}{
		{why: "the name is taken by another account",
			fault: mototest.Fault{Operation: "CreateBucket", Code: "BucketAlreadyExists", Message: "not available",
				Times: 1}, says: "another AWS account"},
		{why: "the tags may not be read", fault: mototest.Fault{Operation: "GetBucketTagging", Code: "AccessDenied",
			Message: "Access Denied", Times: 1}, says: "belongs to another AWS account, or"},
		{why: "the deletion of the name's last owner is not over",
			fault: mototest.Fault{Operation: "CreateBucket", Code: "OperationAborted",
				Message: "A conflicting conditional operation is currently in progress against this resource. Please " +
					"try again.", Times: 3}},
		{why: "the new bucket is not known everywhere",
			fault: mototest.Fault{Operation: "PutBucketPolicy", Code: "NoSuchBucket",
				Message: "The specified bucket does not exist", Times: 2}},
	} {
		t.Run(tc.why, func(t *testing.T) {
			server := mototest.Start(t)
			tc.fault.Service = "s3"
			server.Fail(t, tc.fault)
			d := New(drivertest.Clients(t, server))
			_, err := d.Create(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}, full())
			if (err != nil) != (tc.says != "") || err != nil && !strings.Contains(err.Error(), tc.says) {
				t.Errorf("error %v, want one that says %q", err, tc.says)
			}
		})
	}
}

func TestCreateThatIsCutShortIsFinishedByTheNext(t *testing.T) {
	server := mototest.Start(t)
	server.Fail(t,
		mototest.Fault{Service: "s3", Operation: "PutBucketPolicy", Code: "MalformedPolicy", Message: "no", Times: 1})
	d := New(drivertest.Clients(t, server))
	ctx, ref := t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}
	id, err := d.Create(ctx, ref, full())
	if id.ID != name || !awsapi.Is(err, "MalformedPolicy") {
		t.Fatalf("%+v, %v; want the identity beside the error", id, err)
	}
	if again, err := d.Create(ctx, ref, full()); err != nil || again.ID != name {
		t.Fatalf("resuming: %+v, %v", again, err)
	}
	got, err := d.Observe(ctx, ref.InFull())
	if err != nil || got == nil || len(d.Diff(got.Spec, full())) > 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestDeletionOfAFullBucket(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	d := New(c)
	ctx, ref := t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}
	want := full()
	// The policy denies what emptying needs; Delete must drop it first.
	want.Policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:DeleteObject*","Resource":"arn:aws:s3:::greenhouse-archive/*"}]}`
	id, err := d.Create(ctx, ref, want)
	if err != nil {
		t.Fatal(err)
	}
	ref.ID, ref.Outputs = id.ID, id.Outputs
	put := func(key string) {
		t.Helper()
		if _, err := c.S3().
			PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(name), Key: &key,
				Body: strings.NewReader("{}")}); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"raw/a", "raw/a", "raw/b"} {
		put(key)
	}
	if n, more, err := d.count(ctx, name, nil); n != 3 || more || err != nil {
		t.Errorf("counted %d, %v, %v", n, more, err)
	}
	if err := d.Delete(ctx, ref); err == nil || !strings.Contains(err.Error(), "it holds 3 objects") ||
		!strings.Contains(err.Error(), "force_destroy = true") {
		t.Errorf("refusal: %v", err)
	}
	for i := range pageSize - 2 {
		put(fmt.Sprintf("raw/%04d", i))
	}
	if n, more, err := d.count(ctx, name, nil); n != pageSize || !more || err != nil {
		t.Errorf("counted %d, %v, %v", n, more, err)
	}
	if err := d.Delete(ctx, ref); err == nil || !strings.Contains(err.Error(), "it holds more than 1000 objects") {
		t.Errorf("refusal: %v", err)
	}
	ref.Outputs = map[string]string{"force_destroy": "true"}
	if err := d.Delete(ctx, ref); err != nil {
		t.Fatal(err)
	}
	if n, more, err := d.count(ctx, name, nil); n != 0 || more || err != nil {
		t.Errorf("counted %d, %v, %v in a bucket that is gone", n, more, err)
	}
}

// What Athena and S3 write by themselves does not keep a bucket from being deleted; anything else does.
func TestDisposableObjectsGoWithTheBucket(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	d := New(c)
	ctx, ref := t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}
	want := full()
	want.Disposable = []string{"athena-results/", "credentials-access/"}
	id, err := d.Create(ctx, ref, want)
	if err != nil {
		t.Fatal(err)
	}
	ref.ID, ref.Outputs = id.ID, id.Outputs
	put := func(key string) {
		t.Helper()
		_, err := c.S3().PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(name), Key: &key,
			Body: strings.NewReader("{}")})
		if err != nil {
			t.Fatal(err)
		}
	}
	put("athena-results/1.csv")
	put("telemetry/1.parquet")
	if held, err := d.Data(ctx, ref); held != "holds 1 object or old version" || err != nil {
		t.Errorf("data: %q, %v", held, err)
	}
	forced := assembly.Ref{Name: ref.Name, ID: ref.ID, Outputs: map[string]string{forceOutput: "true"}}
	if held, err := d.Data(ctx, forced); held != "" || err != nil {
		t.Errorf("data of a bucket that goes in any case: %q, %v", held, err)
	}
	if err := d.Delete(ctx, ref); err == nil || !strings.Contains(err.Error(), "it holds 1 objects") {
		t.Errorf("refusal: %v", err)
	}
	out, err := c.S3().ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: aws.String(name)})
	if err != nil || len(out.Versions) != 2 {
		t.Errorf("a refusal has deleted something: %v, %v", out.Versions, err)
	}
	if err := d.discard(ctx, name, []types.ObjectIdentifier{{Key: aws.String("telemetry/1.parquet"),
		VersionId: out.Versions[1].VersionId}}); err != nil {
		t.Fatal(err)
	}
	if held, err := d.Data(ctx, ref); held != "" || err != nil {
		t.Errorf("data: %q, %v", held, err)
	}
	if err := d.Delete(ctx, ref); err != nil {
		t.Fatal(err)
	}
}

func TestLifecycleRuleSurvivesTheTrip(t *testing.T) {
	for _, want := range full().Lifecycle {
		got, exact := fromRule(toRule(want))
		if diff := cmp.Diff(want, got); diff != "" || !exact {
			t.Errorf("%s: exact %v, %s", want.ID, exact, diff)
		}
	}
}

func TestRulesWithoutWordsAreNotExact(t *testing.T) {
	for why, edit := range map[string]func(*types.LifecycleRule){
		"disabled":       func(r *types.LifecycleRule) { r.Status = types.ExpirationStatusDisabled },
		"by tag":         func(r *types.LifecycleRule) { r.Filter.Tag = &types.Tag{} },
		"by size":        func(r *types.LifecycleRule) { r.Filter.ObjectSizeGreaterThan = aws.Int64(1) },
		"keeps versions": func(r *types.LifecycleRule) { r.NoncurrentVersionExpiration.NewerNoncurrentVersions = aws.Int32(3) },
		"another class":  func(r *types.LifecycleRule) { r.Transitions[0].StorageClass = types.TransitionStorageClassGlacier },
		"old versions move as well": func(r *types.LifecycleRule) {
			r.NoncurrentVersionTransitions = make([]types.NoncurrentVersionTransition, 1)
		},
	} {
		rule := toRule(spec.LifecycleRule{ID: "x", NoncurrentExpireDays: 1, IntelligentTieringDays: aws.Int32(1)})
		edit(&rule)
		if _, exact := fromRule(rule); exact {
			t.Errorf("%s: taken for exact", why)
		}
	}
}
