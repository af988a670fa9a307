package fleet_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/credstore"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

const bundles = "greenhouse-credentials"

// makeBucket makes the bucket as the part before the fleet does.
func (a *account) makeBucket() {
	a.t.Helper()
	_, err := a.aws.S3().CreateBucket(a.ctx, &s3.CreateBucketInput{Bucket: aws.String(bundles)})
	a.must(err)
	_, err = a.aws.S3().PutBucketVersioning(a.ctx, &s3.PutBucketVersioningInput{
		Bucket:                  aws.String(bundles),
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	a.must(err)
}

func inBucket(devices map[string]spec.Device) spec.Fleet {
	f := greenhouse(devices)
	f.Store.Kind, f.Store.Bucket = credstore.Bucket, bundles
	return f
}

// versions counts what the bucket holds by key, old versions and delete markers included.
func (a *account) versions() map[string]int {
	a.t.Helper()
	out, err := a.aws.S3().ListObjectVersions(a.ctx, &s3.ListObjectVersionsInput{Bucket: aws.String(bundles)})
	a.must(err)
	n := map[string]int{}
	for _, v := range out.Versions {
		n[aws.ToString(v.Key)]++
	}
	for _, m := range out.DeleteMarkers {
		n[aws.ToString(m.Key)]++
	}
	return n
}

func (a *account) object(key string) contract.Bundle {
	a.t.Helper()
	out, err := a.aws.S3().GetObject(a.ctx, &s3.GetObjectInput{Bucket: aws.String(bundles), Key: &key})
	a.must(err)
	defer out.Body.Close()
	text, err := io.ReadAll(out.Body)
	a.must(err)
	var b contract.Bundle
	a.must(json.Unmarshal(text, &b))
	return b
}

func TestBundlesInABucket(t *testing.T) {
	a := newAccount(t)
	a.makeBucket()
	devices := map[string]spec.Device{"soil-1": {}, "soil-10": {}}
	d, ref := a.apply(newRef(), inBucket(devices), nil)
	const key = "iot-pipeline/greenhouse/soil-1"
	if b := a.object(key); b.Thing != "soil-1" || b.PrivateKey == "" || b.CertificateID == "" {
		t.Errorf("incomplete bundle of %q", b.Thing)
	}
	if got, want := d.Identities()["soil-1"].Credentials, "arn:aws:s3:::"+bundles+"/"+key; got != want {
		t.Errorf("credentials: got %q, want %q", got, want)
	}

	before := a.aws.Requests()
	a.apply(ref, inBucket(devices), d.Identities())
	lists := map[string]int{"iot:ListThings": 1, "iot:ListThingsInThingGroup": 1, "iot:ListCertificates": 1,
		"s3:ListObjectsV2": 1}
	if diff := cmp.Diff(lists, difference(before, a.aws.Requests())); diff != "" {
		t.Errorf("requests of a second apply (-want +got):\n%s", diff)
	}

	_, err := a.aws.S3().DeleteObject(a.ctx, &s3.DeleteObjectInput{Bucket: aws.String(bundles), Key: aws.String(key)})
	a.must(err)
	lost := []string{`devices["soil-1"].credentials`}
	if diff := cmp.Diff(lost, a.changes(ref, inBucket(devices), fleet.Options{})); diff != "" {
		t.Errorf("a bundle deleted by hand (-want +got):\n%s", diff)
	}
	d, ref = a.apply(ref, inBucket(devices), d.Identities())
	if b := a.object(key); b.CertificateID != d.Identities()["soil-1"].CertificateID {
		t.Error("the device has no bundle for its new certificate")
	}

	t.Run("removed with all versions, of this device only", func(t *testing.T) {
		delete(devices, "soil-1")
		d, ref = a.apply(ref, inBucket(devices), d.Identities())
		if diff := cmp.Diff(map[string]int{"iot-pipeline/greenhouse/soil-10": 1}, a.versions()); diff != "" {
			t.Errorf("left (-want +got):\n%s", diff)
		}
	})
	t.Run("moved to Parameter Store and back", func(t *testing.T) {
		id := d.Identities()["soil-10"].CertificateID
		d, ref = a.apply(ref, greenhouse(devices), d.Identities())
		if left := a.versions(); len(left) > 0 || a.bundle("soil-10").CertificateID != id {
			t.Errorf("left in the bucket: %v, or another certificate", left)
		}
		d, ref = a.apply(ref, inBucket(devices), d.Identities())
		if a.object("iot-pipeline/greenhouse/soil-10").CertificateID != id {
			t.Error("the certificate changed")
		}
	})
	t.Run("nothing is left", func(t *testing.T) {
		a.t = t
		a.destroyed(d, ref)
		if left := a.versions(); len(left) > 0 {
			t.Errorf("left in the bucket: %v", left)
		}
	})
}

// The bucket is the pipeline's, but an object in it that somebody else put there is not overwritten.
func TestAForeignBundleInTheBucketIsLeft(t *testing.T) {
	a := newAccount(t)
	a.makeBucket()
	_, err := a.aws.S3().PutObject(a.ctx, &s3.PutObjectInput{
		Bucket: aws.String(bundles), Key: aws.String("iot-pipeline/greenhouse/soil-1"), Body: strings.NewReader("mine"),
	})
	a.must(err)
	_, _, err = a.tryApply(a.ctx, newRef(), inBucket(map[string]spec.Device{"soil-1": {}}), nil)
	if err == nil || !strings.Contains(err.Error(), "does not belong to this pipeline") {
		t.Errorf("got %v", err)
	}
}

// A bucket that is gone holds no bundles; a destroy goes on.
func TestABucketThatIsGone(t *testing.T) {
	a := newAccount(t)
	a.makeBucket()
	d, ref := a.apply(newRef(), inBucket(map[string]spec.Device{}), nil)
	_, err := a.aws.S3().DeleteBucket(a.ctx, &s3.DeleteBucketInput{Bucket: aws.String(bundles)})
	a.must(err)
	a.destroyed(d, ref)
}
