package pipeline

import (
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// maxPresencePrefixes is how many beginnings of client IDs the presence rule tells apart.
const maxPresencePrefixes = 10

// presenceClient is the client ID in SQL.
const presenceClient = "topic(5)"

func (b *builder) hasPresence() bool { return b.hasMonitoring() && *b.config.Monitoring.Presence }

// presenceRules has the rule for the events of AWS IoT about connections, if the pipeline has one.
func (b *builder) presenceRules() []ownRule {
	if !b.hasPresence() {
		return nil
	}
	return []ownRule{b.toStream(ownRule{
		key:         "presence",
		description: "Connections of devices of pipeline " + b.config.Name + " to its " + b.source(),
		sql:         func() (string, error) { return b.presenceSQL(), nil },
	}, presenceClient)}
}

// presenceSQL selects from the events of all clients of the account, as far as their IDs can be those of this
// pipeline's devices. The processor knows which of them are.
func (b *builder) presenceSQL() string {
	where := "topic(4) IN ['connected', 'disconnected'] AND regexp_matches(topic(5), '" + thingPattern.String() + "')"
	if prefixes := prefixesOf(b.clientPrefixes(), maxPresencePrefixes); len(prefixes) > 0 {
		for i, p := range prefixes {
			prefixes[i] = "startswith(topic(5), '" + p + "')"
		}
		where += " AND (" + strings.Join(prefixes, " OR ") + ")"
	}
	return b.envelope("presence", presenceClient) + " FROM '$aws/events/presence/+/+' WHERE " + where
}

// clientPrefixes are the names of the devices, and how the names of those begin that register themselves.
func (b *builder) clientPrefixes() []string {
	names := slices.DeleteFunc(slices.Collect(maps.Keys(b.fleet().Devices)),
		func(name string) bool { return contract.GatewayOf(name) != "" }) // their gateway connects for them
	if b.hasClaim() {
		names = append(names, deref(b.config.Provisioning.Claim.ThingNamePrefix))
	}
	if b.hasJITP() {
		names = append(names, deref(b.config.Provisioning.JITP.ThingNamePrefix))
	}
	return names
}

// prefixesOf returns at most that many texts of which each name begins with one: the names themselves if they are few,
// else what they have in common. It returns nil if that is nothing.
func prefixesOf(names []string, most int) []string {
	length := sort.Search(maxThingName, func(n int) bool { return len(grouped(names, n+1)) > most })
	prefixes := slices.Sorted(maps.Values(grouped(names, length)))
	if len(prefixes) == 0 || prefixes[0] == "" {
		return nil
	}
	return prefixes
}

// grouped groups names by their first letters, and returns what all names of a group have in common.
func grouped(names []string, letters int) map[string]string {
	groups := map[string]string{}
	for _, name := range names {
		key := name[:min(letters, len(name))]
		if group, ok := groups[key]; ok {
			groups[key] = common(group, name)
		} else {
			groups[key] = name
		}
	}
	return groups
}

// common returns how both texts begin.
func common(a, b string) string {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return a[:n]
}
