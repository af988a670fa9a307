package sqstext

import "testing"

func TestEscape(t *testing.T) {
	for _, c := range []struct{ why, text, want string }{
		{"ordinary text stays", `{"a":"é😀\n"}`, `{"a":"é😀\n"}`},
		{"what SQS refuses", "{\"\uFFFE\":\"a\uFFFFb\uFFFF\"}", `{"\ufffe":"a\uffffb\uffff"}`},
		{"the last character that SQS accepts", "\"\uFFFD\"", "\"\uFFFD\""},
	} {
		if got := string(Escape([]byte(c.text))); got != c.want {
			t.Errorf("%s: got %s, want %s", c.why, got, c.want)
		}
	}
}
