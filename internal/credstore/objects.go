package credstore

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/bulk"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// objects keeps bundles as objects of a bucket that the pipeline has for nothing else. The bucket carries the tags; an
// object has room for ten, so it has only the owner token, as metadata. A bucket that does not exist holds no bundles.
type objects struct {
	place
	c *awsapi.Clients
}

// deletePage is the most that one request deletes [S3 DeleteObjects].
const deletePage = 1000

// ownerMetadata is the key of the owner token in an object's metadata. It is part of a header's name, in lower case.
const ownerMetadata = "iot-pipeline-id"

// key is the key of a bundle's object: its name without the slash that names in Parameter Store begin with.
func (s *objects) key(thing string) string { return objectKey(s.name(thing)) }

func objectKey(name string) string { return strings.TrimPrefix(name, "/") }

func (s *objects) put(ctx context.Context, thing, text string, replace bool) (string, error) {
	in := &s3.PutObjectInput{
		Bucket: &s.Bucket, Key: aws.String(s.key(thing)), Body: strings.NewReader(text),
		ContentType: aws.String("application/json"), Metadata: map[string]string{ownerMetadata: s.owner},
	}
	if !replace {
		in.IfNoneMatch = aws.String("*") // [S3 conditional writes]
		_, err := s.c.S3().PutObject(ctx, in)
		if !awsapi.Is(err, "PreconditionFailed") {
			return "", err
		}
		l, err := s.inspect(ctx, thing)
		if err := s.refuseForeign("object", thing, l, err); err != nil {
			return "", err
		}
		in.IfNoneMatch, in.Body = nil, strings.NewReader(text)
	}
	_, err := s.c.S3().PutObject(ctx, in)
	return "", err
}

func (s *objects) inspect(ctx context.Context, thing string) (*Label, error) {
	out, err := s.c.S3().HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.Bucket, Key: aws.String(s.key(thing))})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &Label{Tags: map[string]string{spec.OwnerTag: out.Metadata[ownerMetadata]}}, nil
}

// remove deletes every version: a key that can be brought back is not gone.
func (s *objects) remove(ctx context.Context, things []string) error {
	versions, err := s.versions(ctx, things)
	if err != nil {
		return err
	}
	for page := range slices.Chunk(versions, deletePage) {
		if err := s.discard(ctx, page); err != nil {
			return err
		}
	}
	return nil
}

func (s *objects) discard(ctx context.Context, versions []types.ObjectIdentifier) error {
	out, err := s.c.S3().DeleteObjects(ctx, &s3.DeleteObjectsInput{
		Bucket: &s.Bucket, Delete: &types.Delete{Objects: versions, Quiet: aws.Bool(true)},
	})
	if err != nil {
		return err
	}
	if len(out.Errors) > 0 { // S3 answers 200 also when it refused some
		e := out.Errors[0]
		return fmt.Errorf("S3 refused to delete %d of %d, the first %q: %s: %s", len(out.Errors), len(versions),
			aws.ToString(e.Key), aws.ToString(e.Code), aws.ToString(e.Message))
	}
	return nil
}

// versions returns the versions of bundles and their delete markers. One page of what their keys begin with usually has
// them all, since the names of a fleet are alike; keys behind the page are listed one by one.
func (s *objects) versions(ctx context.Context, things []string) ([]types.ObjectIdentifier, error) {
	keys := make(map[string]bool, len(things))
	prefix := s.key(things[0])
	for _, thing := range things {
		key := s.key(thing)
		keys[key] = true
		for !strings.HasPrefix(key, prefix) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	found, next, err := s.page(ctx, keys, prefix)
	if err != nil || next == "" {
		return found, err
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if key < next {
			continue // the page has all of it
		}
		found = slices.DeleteFunc(found, func(v types.ObjectIdentifier) bool { return aws.ToString(v.Key) == key })
		more, err := s.all(ctx, key)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}

// page lists one page of versions of keys that begin with a prefix, in the order of keys. next is the last key of a
// page that is not the last; more versions of this key can follow. A bucket that does not exist holds nothing.
func (s *objects) page(ctx context.Context, keys map[string]bool, prefix string) (
	found []types.ObjectIdentifier, next string, err error,
) {
	out, err := s.c.S3().ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: &s.Bucket, Prefix: &prefix})
	if awsapi.IsNotFound(err) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("listing versions of %q: %w", prefix, err)
	}
	if aws.ToBool(out.IsTruncated) {
		next = aws.ToString(out.NextKeyMarker)
	}
	return identifiers(out.Versions, out.DeleteMarkers, keys), next, nil
}

// all lists all versions of one key.
func (s *objects) all(ctx context.Context, key string) ([]types.ObjectIdentifier, error) {
	var found []types.ObjectIdentifier
	in := &s3.ListObjectVersionsInput{Bucket: &s.Bucket, Prefix: &key}
	for pages := s3.NewListObjectVersionsPaginator(s.c.S3(), in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("listing versions of %q: %w", key, err)
		}
		found = append(found, identifiers(page.Versions, page.DeleteMarkers, map[string]bool{key: true})...)
	}
	return found, nil
}

// identifiers returns those of some keys; what is listed by a prefix also has others.
func identifiers(versions []types.ObjectVersion, markers []types.DeleteMarkerEntry, keys map[string]bool) (
	found []types.ObjectIdentifier,
) {
	for _, v := range versions {
		if keys[aws.ToString(v.Key)] {
			found = append(found, types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
		}
	}
	for _, m := range markers {
		if keys[aws.ToString(m.Key)] {
			found = append(found, types.ObjectIdentifier{Key: m.Key, VersionId: m.VersionId})
		}
	}
	return found
}

func (s *objects) read(ctx context.Context, things []string) (map[string]string, error) {
	texts := make(map[string]string, len(things))
	for _, thing := range things {
		text, err := ReadObject(ctx, s.c, s.Bucket, s.name(thing))
		if awsapi.IsNotFound(err) {
			continue
		}
		if err != nil {
			return texts, fmt.Errorf("reading %q: %w", s.key(thing), err)
		}
		texts[thing] = text
	}
	return texts, nil
}

// ReadObject reads the object of the bundle with a name.
func ReadObject(ctx context.Context, c *awsapi.Clients, bucket, name string) (string, error) {
	out, err := c.S3().GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: aws.String(objectKey(name))})
	if err != nil {
		return "", err
	}
	defer out.Body.Close()
	text, err := io.ReadAll(io.LimitReader(out.Body, maxBundle))
	return string(text), err
}

// maxBundle is more than a bundle ever has: a certificate, a key and a request.
const maxBundle = 1 << 20

func (s *objects) list(ctx context.Context) (map[string]string, error) {
	found := map[string]string{}
	in := &s3.ListObjectsV2Input{Bucket: &s.Bucket, Prefix: aws.String(objectKey(s.Path) + "/")}
	for pages := s3.NewListObjectsV2Paginator(s.c.S3(), in); pages.HasMorePages(); {
		page, err := bulk.Ask(ctx, s.pool, fmt.Sprintf("listing credentials bundles in bucket %q", s.Bucket),
			func(ctx context.Context) (*s3.ListObjectsV2Output, error) { return pages.NextPage(ctx) })
		if awsapi.IsNotFound(err) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		for _, o := range page.Contents {
			if thing := strings.TrimPrefix(aws.ToString(o.Key), *in.Prefix); thing != "" &&
				!strings.Contains(thing, "/") {
				found[thing] = ""
			}
		}
	}
	return found, nil
}

// retag does nothing: the bucket carries the tags.
func (s *objects) retag(context.Context, string, map[string]string, []string) error { return nil }
