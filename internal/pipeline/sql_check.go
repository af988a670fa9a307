package pipeline

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/syntax"
)

// compiled is what Query, Condition and Template have in common.
type compiled interface {
	Warnings() []iotsql.Diagnostic
}

// sql reports what the compiler says of a text, at the attribute that holds it.
func (c *checker) sql(path, noun string, result compiled, err error) bool {
	var list iotsql.ErrorList
	switch {
	case errors.As(err, &list):
		c.fail(path, fmt.Sprintf("%s is not a valid %s", lastName(path), noun), "%s", diagnostics(list))
	case err != nil:
		c.fail(path, fmt.Sprintf("%s is not a valid %s", lastName(path), noun), "%s.", err)
	default:
		if warnings := result.Warnings(); len(warnings) > 0 {
			c.warn(path, fmt.Sprintf("This %s may not do what you intend", noun), "%s", diagnostics(warnings))
		}
	}
	return err == nil
}

// diagnostics writes each remark with its line and caret.
func diagnostics(list []iotsql.Diagnostic) string {
	lines := make([]string, len(list))
	for i, d := range list {
		lines[i] = d.String() + "\n\n    " + strings.ReplaceAll(d.Excerpt, "\n", "\n    ")
	}
	return strings.Join(lines, "\n\n")
}

// rule compiles a whole rule; nil when it is wrong or not known.
func (c *checker) rule(path, text, name string) *iotsql.Query {
	if !c.known(path) {
		return nil
	}
	q, err := iotsql.Compile(text, iotsql.Options{RuleName: name})
	if !c.sql(path, "AWS IoT SQL statement", q, err) {
		return nil
	}
	return q
}

// template compiles a substitution template. Names are extra root names.
func (c *checker) template(path, text string, names ...string) *iotsql.Template {
	if !c.known(path) {
		return nil
	}
	t, err := iotsql.CompileTemplate(text, iotsql.Options{Names: names})
	if !c.sql(path, "substitution template", t, err) {
		return nil
	}
	return t
}

// condition compiles an alert's condition and gives the threshold names it uses.
func (c *checker) condition(path, text string) (thresholds []string) {
	if !c.known(path) {
		return nil
	}
	if strings.TrimSpace(text) == "" {
		c.fail(path, "The condition is empty",
			"Write an AWS IoT SQL condition, for example data.temperature > 50. An alert that is always due is "+
				"written 1 = 1.")
		return nil
	}
	condition, err := iotsql.CompileCondition(text, iotsql.Options{Names: bindings})
	if !c.sql(path, "AWS IoT SQL condition", condition, err) {
		return nil
	}
	x, _ := syntax.ParseCondition(text)
	return thresholdsIn(x, nil)
}

// thresholdsIn collects what stands behind "threshold." in x.
func thresholdsIn(x syntax.Expr, found []string) []string {
	if m, ok := x.(*syntax.Member); ok {
		if n, ok := m.X.(*syntax.Name); ok && n.Name == bindingThreshold && !slices.Contains(found, m.Name) {
			return append(found, m.Name)
		}
	}
	children := syntax.Children(x)
	switch x := x.(type) {
	case *syntax.Exists:
		children = expressions(x.Query)
	case *syntax.Subquery:
		children = expressions(x.Query)
	}
	for _, child := range children {
		found = thresholdsIn(child, found)
	}
	return found
}
