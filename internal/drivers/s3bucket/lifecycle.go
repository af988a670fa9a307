package s3bucket

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// writeLifecycle replaces the whole configuration. Objects below 128 KiB are
// never moved: Intelligent-Tiering keeps them in its most expensive tier forever, so that
// moving a small message would cost a request and save nothing [AWS 7.3].
func (d *Driver) writeLifecycle(ctx context.Context, name string, rules []spec.LifecycleRule) error {
	if len(rules) == 0 {
		_, err := d.c.S3().DeleteBucketLifecycle(ctx, &s3.DeleteBucketLifecycleInput{Bucket: &name})
		return err
	}
	config := &types.BucketLifecycleConfiguration{}
	for _, r := range sortedRules(rules) {
		config.Rules = append(config.Rules, toRule(r))
	}
	_, err := d.c.S3().PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{
		Bucket: &name, LifecycleConfiguration: config,
		TransitionDefaultMinimumObjectSize: types.TransitionDefaultMinimumObjectSizeAllStorageClasses128k,
	})
	return err
}

func toRule(r spec.LifecycleRule) types.LifecycleRule {
	rule := types.LifecycleRule{
		ID:     &r.ID,
		Status: types.ExpirationStatusEnabled,
		Filter: &types.LifecycleRuleFilter{Prefix: &r.Prefix},
	}
	if r.ExpireDays > 0 {
		rule.Expiration = &types.LifecycleExpiration{Days: &r.ExpireDays}
	}
	if r.ExpiredObjectDeleteMarkers {
		if rule.Expiration == nil {
			rule.Expiration = &types.LifecycleExpiration{}
		}
		rule.Expiration.ExpiredObjectDeleteMarker = aws.Bool(true)
	}
	if r.NoncurrentExpireDays > 0 {
		rule.NoncurrentVersionExpiration = &types.NoncurrentVersionExpiration{NoncurrentDays: &r.NoncurrentExpireDays}
	}
	if r.IntelligentTieringDays != nil {
		rule.Transitions = []types.Transition{
			{Days: r.IntelligentTieringDays, StorageClass: types.TransitionStorageClassIntelligentTiering},
		}
	}
	if r.AbortMultipartUploadDays > 0 {
		rule.AbortIncompleteMultipartUpload = &types.AbortIncompleteMultipartUpload{
			DaysAfterInitiation: &r.AbortMultipartUploadDays,
		}
	}
	return rule
}

// fromRule is the inverse of toRule. It is not exact for what LifecycleRule has no words for.
func fromRule(rule types.LifecycleRule) (r spec.LifecycleRule, exact bool) {
	r = spec.LifecycleRule{ID: aws.ToString(rule.ID), Prefix: aws.ToString(rule.Prefix)}
	exact = rule.Status == types.ExpirationStatusEnabled && len(rule.NoncurrentVersionTransitions) == 0 &&
		len(rule.Transitions) <= 1
	if f := rule.Filter; f != nil {
		r.Prefix += aws.ToString(f.Prefix)
		exact = exact && f.And == nil && f.Tag == nil && f.ObjectSizeGreaterThan == nil && f.ObjectSizeLessThan == nil
	}
	if e := rule.Expiration; e != nil {
		r.ExpireDays = aws.ToInt32(e.Days)
		r.ExpiredObjectDeleteMarkers = aws.ToBool(e.ExpiredObjectDeleteMarker)
		exact = exact && e.Date == nil
	}
	if e := rule.NoncurrentVersionExpiration; e != nil {
		r.NoncurrentExpireDays = aws.ToInt32(e.NoncurrentDays)
		exact = exact && e.NewerNoncurrentVersions == nil
	}
	for _, t := range rule.Transitions {
		r.IntelligentTieringDays = t.Days
		exact = exact && t.Days != nil && t.StorageClass == types.TransitionStorageClassIntelligentTiering
	}
	if a := rule.AbortIncompleteMultipartUpload; a != nil {
		r.AbortMultipartUploadDays = aws.ToInt32(a.DaysAfterInitiation)
	}
	return r, exact
}

func sameRules(a, b []spec.LifecycleRule) bool {
	return slices.EqualFunc(sortedRules(a), sortedRules(b), func(a, b spec.LifecycleRule) bool {
		sameTiering := (a.IntelligentTieringDays == nil) == (b.IntelligentTieringDays == nil) &&
			aws.ToInt32(a.IntelligentTieringDays) == aws.ToInt32(b.IntelligentTieringDays)
		a.IntelligentTieringDays, b.IntelligentTieringDays = nil, nil
		return sameTiering && a == b
	})
}

func sortedRules(rules []spec.LifecycleRule) []spec.LifecycleRule {
	return slices.SortedFunc(slices.Values(rules),
		func(a, b spec.LifecycleRule) int { return strings.Compare(a.ID, b.ID) })
}
