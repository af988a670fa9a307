// Package tagindex asks the Resource Groups Tagging API for the tags of many objects with one request. AWS's index
// follows changes with a delay, so its answer is a hint only. The package must not know any kind of object.
package tagindex

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
)

const (
	// batch is the most ARNs that a request may name [GetResources, ResourceARNList].
	batch = 100
	// A refresh goes on without the index, so it does not wait long for it: a private network may have no way to it.
	attempts = 3
	patience = 10 * time.Second
)

// Index implements assembly.TagIndex. It is safe for concurrent use.
type Index struct {
	c      *awsapi.Clients
	failed func(ctx context.Context, err error)
	off    atomic.Bool
}

// New makes an index of the clients' account and region. After the first failure, which failed gets to know, it is not
// asked again.
func New(c *awsapi.Clients, failed func(ctx context.Context, err error)) *Index {
	return &Index{c: c, failed: failed}
}

// Suspects implements [assembly.TagIndex].
func (x *Index) Suspects(
	ctx context.Context,
	owner string,
	wanted map[string]map[string]string,
) map[string]bool {
	if x.off.Load() {
		return nil
	}
	arns := slices.Sorted(maps.Keys(wanted))
	found, err := x.read(ctx, arns)
	if err != nil {
		if ctx.Err() == nil && !x.off.Swap(true) {
			x.failed(ctx, err)
		}
		return nil
	}
	known := servicesOf(slices.Collect(maps.Keys(found)))
	suspects := map[string]bool{}
	for _, arn := range arns {
		all, ok := found[arn]
		if !ok {
			if isIndexed(arn, known) {
				suspects[arn] = true
			}
			continue
		}
		if token, tags := ownertag.Split(all, x.c.IgnoresTag); token != owner || !maps.Equal(tags, wanted[arn]) {
			suspects[arn] = true
		}
	}
	return suspects
}

// read gives the tags by ARN, of what the index has.
func (x *Index) read(ctx context.Context, arns []string) (map[string]map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	found := make(map[string]map[string]string, len(arns))
	for some := range slices.Chunk(arns, batch) {
		// With a list of ARNs, there are no pages.
		out, err := x.c.ResourceGroupsTagging().GetResources(ctx,
			&resourcegroupstaggingapi.GetResourcesInput{ResourceARNList: some},
			impatient)
		if err != nil {
			return nil, err
		}
		for _, r := range out.ResourceTagMappingList {
			if r.ResourceARN != nil { // that of a log group may have its streams' part
				found[strings.TrimSuffix(*r.ResourceARN, ":*")] = ownertag.Map(r.Tags,
					func(t types.Tag) (key, value *string) { return t.Key, t.Value })
			}
		}
	}
	return found, nil
}

// impatient lowers the number of attempts.
func impatient(o *resourcegroupstaggingapi.Options) {
	if n := o.Retryer.MaxAttempts(); n <= 0 || n > attempts {
		o.RetryMaxAttempts = attempts
	}
}

// certain are the services whose objects the index is known to have. AWS documents that it has all tagged objects
// but users and roles of IAM; of a service that is not listed here, it counts as having them if it has one.
var certain = map[string]bool{"cloudwatch": true, "dynamodb": true, "firehose": true, "kinesis": true, "logs": true,
	"s3": true, "sns": true, "sqs": true, "ssm": true}

// isIndexed reports whether an object would be in the index if it had a tag. Objects without a region, but for buckets,
// are in one region's index at most, which may not be this one.
func isIndexed(arn string, known map[string]bool) bool {
	service, region := cut(arn)
	return (certain[service] || known[service]) && (region != "" || service == "s3")
}

func servicesOf(arns []string) map[string]bool {
	services := map[string]bool{}
	for _, arn := range arns {
		service, _ := cut(arn)
		services[service] = true
	}
	return services
}

// cut takes service and region out of arn:partition:service:region:account:resource.
func cut(arn string) (service, region string) {
	fields := strings.SplitN(arn, ":", 5)
	if len(fields) < 5 {
		return "", ""
	}
	return fields[2], fields[3]
}
