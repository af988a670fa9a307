// Package connection is what the provider block comes to: the clients of an account,
// and the settings that hold for every resource. It knows no resource.
package connection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/tagindex"
)

// Connection is handed from the provider to its resources.
type Connection struct {
	// Clients is nil while the provider block holds values that are not known yet.
	Clients *awsapi.Clients
	// Unknown are the provider arguments that are not known yet.
	Unknown []string
	// DefaultTags are the tags of the provider block.
	DefaultTags map[string]string
	// IgnoreTags are tags that others manage.
	IgnoreTags IgnoreTags
	// Version of the provider, such as "1.2.0"; "dev" in a build without one.
	Version string

	mu      sync.Mutex
	indexes map[*awsapi.Clients]*tagindex.Index
}

// TagIndex is the index of tags that the clients' account and region have, the same one for all resources: what it
// cannot read once, it does not ask for again.
func (c *Connection) TagIndex(clients *awsapi.Clients) *tagindex.Index {
	c.mu.Lock()
	defer c.mu.Unlock()
	index, ok := c.indexes[clients]
	if !ok {
		index = tagindex.New(clients, logNoIndex)
		if c.indexes == nil {
			c.indexes = map[*awsapi.Clients]*tagindex.Index{}
		}
		c.indexes[clients] = index
	}
	return index
}

func logNoIndex(ctx context.Context, err error) {
	tflog.Warn(ctx, "the index of tags cannot be read (tag:GetResources), so tags that somebody has changed by hand "+
		"show only where they come with the object", map[string]any{"error": err.Error()})
}

// IgnoreTags names tags that the provider neither sets, changes nor removes.
type IgnoreTags struct {
	Keys        []string `json:"keys"`
	KeyPrefixes []string `json:"key_prefixes"`
}

// Has says whether a tag is ignored.
func (i IgnoreTags) Has(key string) bool {
	return slices.Contains(i.Keys, key) ||
		slices.ContainsFunc(i.KeyPrefixes, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
}

// Any reports whether any tag is ignored.
func (i IgnoreTags) Any() bool { return len(i.Keys)+len(i.KeyPrefixes) > 0 }

// In gives the clients of a region (empty: the provider's), or an error that says why there are none.
func (c *Connection) In(region string) (*awsapi.Clients, error) {
	switch {
	case c == nil:
		return nil, errors.New("the provider is not configured")
	case c.Clients == nil:
		return nil, fmt.Errorf(
			"the provider block depends on values that are not known yet (%s); apply what they come from first, with "+
				"-target",
			strings.Join(c.Unknown, ", "),
		)
	}
	clients := c.Clients.InRegion(region)
	if clients.AccountID() == "" {
		return nil, errors.New(
			"the account is not known: skip_requesting_account_id is set, or AWS did not say; a pipeline's ARNs need " +
				"it. Unset the skip argument, or list exactly one account in allowed_account_ids",
		)
	}
	return clients, nil
}

// Tags are default_tags and a resource's own tags together, without the ignored ones. The resource's win.
func (c *Connection) Tags(own map[string]string) map[string]string {
	all := make(map[string]string, len(c.DefaultTags)+len(own))
	for _, tags := range []map[string]string{c.DefaultTags, own} {
		for key, value := range tags {
			if !c.IgnoreTags.Has(key) {
				all[key] = value
			}
		}
	}
	return all
}
