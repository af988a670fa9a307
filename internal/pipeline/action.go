package pipeline

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// routeAction is an action of a route: the arguments that the user wrote.
type routeAction interface {
	// desired returns the action of the topic rule, performed with the given role.
	desired(role string) spec.Action
	// grants returns what the route's role must be allowed to do [AWS 2.1]. A name that is a template is not known, so
	// the grant covers whatever the template can produce.
	grants(n arns) []statement
	// check reports what is wrong with the arguments.
	check(c *actionChecker)
}

// namedAction is an action with the name of its attribute.
type namedAction struct {
	name string
	routeAction
}

// named turns a nil pointer into a nil action.
func named[A interface {
	comparable
	routeAction
}](name string, a A) namedAction {
	var unset A
	if a == unset {
		return namedAction{name: name}
	}
	return namedAction{name, a}
}

// actionChecker checks the arguments of one action. Its own methods take the argument's name, those of the checker
// take the whole path.
type actionChecker struct {
	*checker
	path  string        // of the action
	query *iotsql.Query // of the route; nil when it is unknown or invalid
}

// arg gives the path of an argument.
func (c *actionChecker) arg(name string) string { return c.path + "." + name }

// template checks an argument in which AWS IoT replaces ${…} by the value of an expression.
func (c *actionChecker) template(name string, text *string) {
	if text != nil {
		c.templateAt(c.arg(name), *text)
	}
}

// templates checks an argument whose values are templates.
func (c *actionChecker) templates(name string, texts map[string]string) {
	for _, key := range sortedKeys(texts) {
		c.templateAt(at(c.arg(name), key), texts[key])
	}
}

// templatesAt checks optional arguments below a path.
func (c *actionChecker) templatesAt(path string, texts map[string]*string) {
	for _, name := range sortedKeys(texts) {
		if texts[name] != nil {
			c.templateAt(path+"."+name, *texts[name])
		}
	}
}

func (c *actionChecker) templateAt(path, text string) {
	t := c.checker.template(path, text)
	if t == nil || c.query == nil {
		return
	}
	for _, name := range t.Variables() {
		if !slices.Contains(c.query.Variables(), name) {
			c.fail(path, fmt.Sprintf("Variable @%s is not set", name),
				"The template uses it, but the rule's SQL has no SET @%s. Set it there, or write the expression "+
					"itself.", name)
		}
	}
}

var resourceName = regexp.MustCompile(`^[a-zA-Z0-9_.#/-]+$`)

// target checks the name of a target in this account, which may be a template.
func (c *actionChecker) target(name, v, noun string) {
	c.template(name, &v)
	path := c.arg(name)
	switch {
	case !c.known(path) || strings.Contains(v, "${"):
	case strings.HasPrefix(v, "arn:"):
		c.fail(path, lastName(path)+" should be a name", "%s is an ARN. AWS IoT finds a %s by its name, in this "+
			"account and region only. Write the name, for example aws_….<name>.name.", excerpt(v), noun)
	case !resourceName.MatchString(v):
		c.fail(path, lastName(path)+" is not valid", "%s is not a valid name of a %s.", excerpt(v), noun)
	}
}

// standard checks that a topic or a queue is not a FIFO one.
func (c *actionChecker) standard(name, v, noun string) {
	if path := c.arg(name); c.known(path) && strings.HasSuffix(v, ".fifo") {
		c.fail(path, "A rule cannot send to a FIFO "+noun,
			"%s is a FIFO %s. AWS IoT sends to standard ones only. Use a standard %s.", excerpt(v), noun, noun)
	}
}

// enum checks an argument that holds one of the allowed values or a template.
func (c *actionChecker) enum(name string, v *string, allowed Choice) {
	c.template(name, v)
	if v != nil && !strings.Contains(*v, "${") {
		c.choice(c.arg(name), v, allowed)
	}
}
