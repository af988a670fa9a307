package funcs

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/value"
)

// A pattern that backtracks without end is Undefined, and ends all backtracking of its evaluation.
func TestCatastrophicPattern(t *testing.T) {
	slow, err := compileBacktracking(`^(?=(a+)+$)`, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("a", 50) + "!"
	for name, f := range map[string]regexpFunc{
		"matches": regexpMatches, "substr": regexpSubstr, "replace": regexpReplace,
	} {
		e := &Env{}
		args := []value.Value{value.OfString(text), value.OfString(""), value.OfString("")}
		for range 1000 {
			if got := f(e, text, slow, args); got.Kind() != value.Undefined {
				t.Fatalf("%s gave %v, want Undefined", name, got)
			}
		}
		if e.Err() != nil {
			t.Errorf("%s failed: %v", name, e.Err())
		}
		fast, _ := compilePattern("a")
		if got := f(e, text, fast, args); got.Kind() == value.Undefined {
			t.Errorf("%s with a linear pattern is Undefined afterwards", name)
		}
	}
}

// Both engines find the same where both can run. Only \b differs: beyond ASCII, RE2 sees no word characters.
func TestEnginesAgree(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	pieces := []string{
		"a", "b", "ä", ".", "[ab]", "[^a]", "(a|bc)", "(?:b)", "(a)?", "a*", "b+?", "c?", "a{1,2}", "^", "$", `\b`,
		`\w`, `\D`, `\s`, "[[:alpha:]]", `\p{Lu}`, `\p{Greek}`, "|",
	}
	for range 3000 {
		text, subject := "", ""
		for range 1 + random.IntN(5) {
			text += pieces[random.IntN(len(pieces))]
		}
		for range random.IntN(8) {
			subject += []string{"a", "b", "c", " ", "ä", "Ω", "1"}[random.IntN(7)]
		}
		if strings.Contains(text, `\b`) {
			subject = strings.NewReplacer("ä", "", "Ω", "").Replace(subject)
		}
		if _, err := regexp.Compile(text); err != nil {
			continue
		}
		fast, caveat := compilePattern(text)
		slow, err := compileBacktracking(text, time.Minute)
		if err != nil || caveat != nil {
			t.Errorf("%s: %v, %v", text, err, caveat)
			continue
		}
		e := &Env{}
		want, _ := fast.find(e, subject, 1)
		got, ok := slow.find(e, subject, 1)
		if !ok || len(got) != len(want) || len(want) > 0 && !slices.Equal(got[0], want[0]) {
			t.Errorf("%s on %q: %v, want %v", text, subject, got, want)
		}
		if a, _ := fast.match(e, subject); a != (len(want) > 0) {
			t.Errorf("%s on %q: match is %v", text, subject, a)
		}
	}
}

// No pattern and no text make the backtracking engine panic, or match outside the text.
func FuzzBacktracking(f *testing.F) {
	f.Add(`^(?!test).*`, "production")
	f.Add(`(a)(?<=b)\1`, "bab")
	f.Add(`(?>a+)[^\p{L}]{2,}|(?i:x)\Z`, "aa äX")
	f.Fuzz(func(t *testing.T, text, subject string) {
		p, err := compileBacktracking(text, time.Millisecond)
		if err != nil || len(text) > maxPattern {
			return
		}
		matches, _ := p.find(&Env{}, subject, 100)
		for _, at := range matches {
			if len(at) != 2+2*p.groups() || at[0] < 0 || at[0] > at[1] || at[1] > len(subject) {
				t.Errorf("%q on %q: %v", text, subject, at)
			}
		}
	})
}
