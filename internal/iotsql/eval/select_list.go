package eval

import (
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/funcs"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/syntax"
)

// SelectList is the compiled list of what a rule selects, without SELECT and the clauses.
type SelectList struct {
	output   []string
	more     bool
	scalar   bool
	warnings []syntax.Diagnostic
}

// CompileSelectList compiles what a rule has between SELECT and FROM.
func CompileSelectList(sql string, o Options) (*SelectList, *syntax.Report) {
	tree, report := syntax.ParseSelectList(sql)
	c := newCompiler(o, report)
	c.selection(tree)
	l := &SelectList{warnings: report.Warnings()}
	if tree.Value {
		l.more = true
		l.scalar = len(tree.Items) > 0 && c.kinds(tree.Items[0].X)&(funcs.List|funcs.Document) == 0
		return l, report
	}
	for i, item := range tree.Items {
		l.add(item, i)
	}
	return l, report
}

// add records where one item goes.
func (l *SelectList) add(item syntax.Item, i int) {
	if len(item.Alias) > 0 {
		l.put(strings.Join(item.Alias, "."))
		return
	}
	switch x := item.X.(type) {
	case *syntax.Star:
		l.more = true
	case *syntax.Object: // its members go into the output
		for _, m := range x.Members {
			l.put(m.Key)
		}
	default:
		l.put(columnKey(item.X, i))
	}
}

func (l *SelectList) put(path string) {
	if !slices.Contains(l.output, path) {
		l.output = append(l.output, path)
	}
}

// Output returns the paths in the output that the list writes, and whether the output may have others, which come from
// the message.
func (l *SelectList) Output() (paths []string, more bool) { return slices.Clone(l.output), l.more }

// IsScalar reports whether the output can be neither an object nor an array.
func (l *SelectList) IsScalar() bool { return l.scalar }

// Warnings are remarks about what AWS accepts but can hardly be meant.
func (l *SelectList) Warnings() []syntax.Diagnostic { return l.warnings }
