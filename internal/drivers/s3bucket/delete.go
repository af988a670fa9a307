package s3bucket

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
)

const (
	// pageSize is the most that one ListObjectVersions gives and one DeleteObjects takes.
	pageSize = 1000
	// deletions are the DeleteObjects calls under way at a time.
	deletions = 4
	// emptyLimit bounds the fight against a writer that is still at work, after the first full sweep.
	emptyLimit = 5 * time.Minute
)

// count gives the number of objects, old versions and delete markers on the first page that has any but disposable
// ones; more says that there are others beyond. An absent bucket holds nothing.
func (d *Driver) count(ctx context.Context, name string, disposable []string) (n int, more bool, err error) {
	pages := s3.NewListObjectVersionsPaginator(d.c.S3(),
		&s3.ListObjectVersionsInput{Bucket: &name, MaxKeys: aws.Int32(pageSize)})
	for n == 0 && pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if awsapi.IsNotFound(err) {
			return 0, false, nil
		}
		if err != nil {
			return 0, false, fmt.Errorf("listing the objects of bucket %q: %w", name, err)
		}
		for _, v := range identifiers(page) {
			if !slices.ContainsFunc(disposable, func(p string) bool { return strings.HasPrefix(*v.Key, p) }) {
				n++
			}
		}
	}
	return n, n > 0 && pages.HasMorePages(), nil
}

// Delete removes an empty bucket, and one with disposable objects alone. One with others is refused, unless the
// recorded outputs say that force_destroy was set: then all versions go first.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	err := d.remove(ctx, ref.Name)
	if notEmpty(err) {
		if !ForceDestroy(ref.Outputs) {
			if refused := d.refuse(ctx, ref, err); refused != nil {
				return refused
			}
		}
		// A policy may deny deletions, also ours.
		if err := d.writePolicy(ctx, ref.Name, ""); err != nil && !awsapi.IsNotFound(err) {
			return fmt.Errorf("removing the bucket policy: %w", err)
		}
		// Writers that were already on their way, or answers that S3 lost, leave objects behind a sweep.
		err = d.c.Retry(ctx, "emptying the bucket", emptyLimit, notEmpty, func(ctx context.Context) error {
			if err := d.sweep(ctx, ref.Name); err != nil {
				return err
			}
			return d.remove(ctx, ref.Name)
		})
	}
	if awsapi.IsNotFound(err) {
		return nil
	}
	return err
}

func (d *Driver) remove(ctx context.Context, name string) error {
	return d.c.Retry(
		ctx,
		"waiting for an earlier change of the bucket",
		spreadLimit,
		underWay,
		func(ctx context.Context) error {
			_, err := d.c.S3().DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &name})
			return err
		},
	)
}

// refuse returns an error if the bucket holds anything but disposable objects.
func (d *Driver) refuse(ctx context.Context, ref assembly.Ref, cause error) error {
	n, more, err := d.count(ctx, ref.Name, disposable(ref.Outputs))
	if err != nil {
		return fmt.Errorf("%w; counting its objects: %w", cause, err)
	}
	if n == 0 {
		return nil
	}
	count := fmt.Sprint(n)
	if more {
		count = fmt.Sprintf("more than %d", n)
	}
	return fmt.Errorf(
		"it holds %s objects, old versions and delete markers; set force_destroy = true and apply, to have them "+
			"deleted with it: %w",
		count,
		cause,
	)
}

// sweep deletes every version of every object: some pages are listed, then deleted at the same time, and so on.
func (d *Driver) sweep(ctx context.Context, name string) error {
	pages := s3.NewListObjectVersionsPaginator(d.c.S3(),
		&s3.ListObjectVersionsInput{Bucket: &name, MaxKeys: aws.Int32(pageSize)})
	for pages.HasMorePages() {
		group, deleting := errgroup.WithContext(ctx)
		var listed [][]types.ObjectIdentifier
		for len(listed) < deletions && pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return fmt.Errorf("listing object versions: %w", err)
			}
			listed = append(listed, identifiers(page))
		}
		for _, versions := range listed {
			if len(versions) > 0 {
				group.Go(func() error { return d.discard(deleting, name, versions) })
			}
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
	return nil
}

func identifiers(page *s3.ListObjectVersionsOutput) []types.ObjectIdentifier {
	all := make([]types.ObjectIdentifier, 0, len(page.Versions)+len(page.DeleteMarkers))
	for _, v := range page.Versions {
		all = append(all, types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
	}
	for _, m := range page.DeleteMarkers {
		all = append(all, types.ObjectIdentifier{Key: m.Key, VersionId: m.VersionId})
	}
	return all
}

// discard deletes up to 1000 versions. S3 answers 200 also when it refused some: those are in Errors.
func (d *Driver) discard(ctx context.Context, name string, versions []types.ObjectIdentifier) error {
	out, err := d.c.S3().
		DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &name,
			Delete: &types.Delete{Objects: versions, Quiet: aws.Bool(true)}})
	if err != nil {
		return fmt.Errorf("deleting objects: %w", err)
	}
	for _, e := range out.Errors {
		switch aws.ToString(e.Code) {
		case "InternalError", "SlowDown", "ServiceUnavailable": // left for the next sweep
		default:
			return fmt.Errorf("deleting objects: S3 refused %d of %d, the first %q: %s: %s",
				len(out.Errors), len(versions), aws.ToString(e.Key), aws.ToString(e.Code), aws.ToString(e.Message))
		}
	}
	return nil
}

func notEmpty(err error) bool { return awsapi.Is(err, "BucketNotEmpty") }
