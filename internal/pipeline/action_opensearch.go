package pipeline

import (
	"regexp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// OpenSearchRoute stores one document per message in an index of an OpenSearch Service domain.
type OpenSearchRoute struct {
	Endpoint string  `json:"endpoint"`
	Index    string  `json:"index"` // template
	Type     *string `json:"type,omitzero"`
	ID       string  `json:"id"` // template
}

// openSearchType is the type of all documents since OpenSearch 1.0 [IoT-SQL 17 openSearch].
const openSearchType = "_doc"

// domainEndpoint is the endpoint of a domain, whose name the permission needs. A custom endpoint does not name it.
var domainEndpoint = regexp.MustCompile(`^https://(?:search|vpc)-([a-z][a-z0-9-]{2,27})-[a-z0-9]{26}\.` +
	`(?:[a-z0-9-]+\.es\.amazonaws\.com(?:\.cn)?|aos\.[a-z0-9-]+\.on\.aws)/?$`)

func (a *OpenSearchRoute) desired(role string) spec.Action {
	return spec.Action{OpenSearch: &spec.OpenSearchAction{RoleARN: role, Endpoint: a.Endpoint, Index: a.Index,
		Type: *or(a.Type, openSearchType), ID: a.ID}}
}

func (a *OpenSearchRoute) grants(n arns) []statement {
	domain := ""
	if found := domainEndpoint.FindStringSubmatch(a.Endpoint); found != nil {
		domain = found[1]
	}
	return []statement{allow([]string{"es:ESHttpPut"}, n.in("es", "domain/"+domain+"/*"))}
}

func (a *OpenSearchRoute) check(c *actionChecker) {
	c.text(c.arg("endpoint"), a.Endpoint, domainEndpoint, "the endpoint of a domain looks like "+
		"https://search-<domain>-<26 characters>.<region>.es.amazonaws.com; a custom endpoint does not name the "+
		"domain, which the role's permission needs")
	c.template("index", &a.Index)
	c.template("type", a.Type)
	c.template("id", &a.ID)
}
