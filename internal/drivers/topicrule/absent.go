package topicrule

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
)

// absent reports whether err, returned by a call about one rule, means that the rule does not exist. AWS returns
// UnauthorizedException both for a missing rule and to a caller who may not read it [AWS 1.2 GetTopicRule], so absent
// looks for the rule in the list of all rules. It returns err if the rule exists or err has another cause.
func (d *Driver) absent(ctx context.Context, name string, err error) (bool, error) {
	if awsapi.IsNotFound(err) {
		return true, nil
	}
	if !awsapi.Is(err, "UnauthorizedException", "InvalidRequestException") {
		return false, err
	}
	// Until a pass over all rules ends, one list holds for all of them.
	names, listErr := assembly.Shared(ctx, "names of all topic rules", d.list)
	if listErr != nil {
		return false, fmt.Errorf("%w; looking for it among all rules: %w", err, listErr)
	}
	if names[name] {
		return false, err
	}
	return true, nil
}

// listTimeout limits a listing, which does not end when a caller is cancelled.
const listTimeout = time.Minute

// listing is a ListTopicRules in progress.
type listing struct {
	done  chan struct{}
	names map[string]bool
	err   error
}

// list returns the names of all rules. AWS allows one such call per second [AWS 1.1], so callers share a listing that
// is already in progress.
func (d *Driver) list(ctx context.Context) (map[string]bool, error) {
	d.mu.Lock()
	l := d.listing
	if l == nil {
		l = &listing{done: make(chan struct{})}
		d.listing = l
		// All waiting callers share the listing, so it must not end when the first of them is cancelled.
		go d.run(context.WithoutCancel(ctx), l)
	}
	d.mu.Unlock()
	select {
	case <-l.done:
		return l.names, l.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (d *Driver) run(ctx context.Context, l *listing) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	l.names = map[string]bool{}
	pages := iot.NewListTopicRulesPaginator(d.c.IoT().ListTopicRules,
		&iot.ListTopicRulesInput{MaxResults: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			l.err = err
			break
		}
		for _, rule := range page.Rules {
			l.names[aws.ToString(rule.RuleName)] = true
		}
	}
	d.mu.Lock()
	d.listing = nil
	d.mu.Unlock()
	close(l.done)
}
