package tfvalue

import (
	"slices"
	"strconv"
	"strings"
)

// Paths are the places of unknown values in a tree: the steps joined by NUL, to the path as Terraform writes it.
type Paths map[string]string

const separator = "\x00"

// Covers says whether the value at path, or one that holds it, is unknown.
func (p Paths) Covers(path string) bool {
	if len(p) == 0 {
		return false
	}
	steps := Steps(path)
	for n := range len(steps) + 1 {
		if _, ok := p[strings.Join(steps[:n], separator)]; ok {
			return true
		}
	}
	return false
}

// Sorted gives the paths as Terraform writes them, in order.
func (p Paths) Sorted() []string {
	list := make([]string, 0, len(p))
	for _, path := range p {
		list = append(list, path)
	}
	slices.Sort(list)
	return list
}

// Known gives a tree without its unknown values and says where they were: an unknown
// member is left out; an unknown element of a list or set becomes nil.
func Known(tree any) (any, Paths) {
	paths := Paths{}
	return known(tree, nil, paths), paths
}

func known(tree any, steps []string, paths Paths) any {
	switch tree := tree.(type) {
	case unknown:
		paths[strings.Join(steps, separator)] = Join(steps)
		return nil
	case map[string]any:
		rest := make(map[string]any, len(tree))
		for key, member := range tree {
			if kept := known(member, append(steps, key), paths); kept != nil {
				rest[key] = kept
			}
		}
		return rest
	case []any:
		rest := make([]any, len(tree))
		for i, element := range tree {
			rest[i] = known(element, append(steps, strconv.Itoa(i)), paths)
		}
		return rest
	}
	return tree
}

// Join writes steps as a path: devices["soil-001"].attributes.bay, alerts.emails[0].
func Join(steps []string) string {
	var path strings.Builder
	for _, step := range steps {
		_, notIndex := strconv.ParseUint(step, 10, 31)
		switch {
		case notIndex == nil:
			path.WriteString("[" + step + "]")
		case !isName(step):
			path.WriteString("[" + strconv.Quote(step) + "]")
		case path.Len() == 0:
			path.WriteString(step)
		default:
			path.WriteString("." + step)
		}
	}
	return path.String()
}

func isName(step string) bool {
	for i, r := range step {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return step != ""
}

// Steps takes a path apart. Keys may stand after a dot or, quoted or not, in brackets.
func Steps(path string) []string {
	var steps []string
	for path != "" {
		switch path[0] {
		case '.':
			path = path[1:]
		case '[':
			step, rest := bracketed(path[1:])
			steps, path = append(steps, step), rest
		default:
			end := strings.IndexAny(path, ".[")
			if end < 0 {
				end = len(path)
			}
			steps, path = append(steps, path[:end]), path[end:]
		}
	}
	return steps
}

// bracketed takes what stands before the closing bracket.
func bracketed(text string) (step, rest string) {
	if quoted, err := strconv.QuotedPrefix(text); err == nil {
		step, _ = strconv.Unquote(quoted)
		return step, strings.TrimPrefix(text[len(quoted):], "]")
	}
	step, rest, _ = strings.Cut(text, "]")
	return step, rest
}
