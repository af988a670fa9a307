package topicrule

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
)

// absent reports whether err, the answer to a call about one rule, means that there is no such rule. AWS does not say:
// it answers UnauthorizedException, as it does to somebody who may not read the rule [AWS 1.2 GetTopicRule]. So the
// rules are listed. When the rule exists after all, or err is about something else, err is returned.
func (d *Driver) absent(ctx context.Context, name string, err error) (bool, error) {
	if awsapi.IsNotFound(err) {
		return true, nil
	}
	if !awsapi.Is(err, "UnauthorizedException", "InvalidRequestException") {
		return false, err
	}
	names, listErr := d.list(ctx)
	if listErr != nil {
		return false, fmt.Errorf("%w; looking for it among all rules: %w", err, listErr)
	}
	if names[name] {
		return false, err
	}
	return true, nil
}

// listTimeout bounds a listing, which nobody's cancellation ends.
const listTimeout = time.Minute

// listing is one ListTopicRules under way.
type listing struct {
	done  chan struct{}
	names map[string]bool
	err   error
}

// list gives the names of all rules. AWS allows one such call a second [AWS 1.1], so callers that come while one is
// under way share its answer.
func (d *Driver) list(ctx context.Context) (map[string]bool, error) {
	d.mu.Lock()
	l := d.listing
	if l == nil {
		l = &listing{done: make(chan struct{})}
		d.listing = l
		// The listing belongs to all who wait for it and must outlive the first of them.
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
	pages := iot.NewListTopicRulesPaginator(d.iot, &iot.ListTopicRulesInput{MaxResults: aws.Int32(1000)})
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
