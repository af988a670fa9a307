package telemetry

import (
	"errors"
	"strconv"

	"github.com/iot-pipeline/terraform-provider-iot/internal/jsontext"
)

// errNotPlain means that a payload needs the general reader.
var errNotPlain = errors.New("the payload needs the general reader")

// pass is the state of reading one payload in one pass.
type pass struct {
	moment
	rank     timeRank
	envelope bool
	skipped  int
	arrays   bool // an array was skipped that the payload holds outside of a data object
}

// onePass reads the payloads that most devices send, an object of scalars and objects with or without an envelope,
// without building a tree. After any error, the general reader has the last word: it reads everything else, and only it
// knows all of the payload. Where this one has no error, both agree; a fuzz test compares them.
//
// Only the data member shows whether the payload is an envelope, and other members may come first: measures read before
// it are then dropped, members after it are only checked.
func (d *Decoder) onePass(payload string, reading *Reading) error {
	if err := checkText(payload); err != nil {
		return err
	}
	r := jsontext.New(payload, maxNesting)
	if r.Peek() != jsontext.Object {
		return errNotPlain
	}
	p := pass{moment: moment{time: d.arrival}, rank: noTime}
	if err := r.Enter('{'); err != nil {
		return err
	}
	for first := true; ; first = false {
		key, ok, err := r.Member(first)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if err := d.topMember(&r, key, &p); err != nil {
			return err
		}
	}
	if err := r.End(); err != nil || p.arrays {
		return errNotPlain // also a trailing NUL
	}
	p.judge(d.arrival)
	d.finish(reading, &p.moment, p.skipped)
	return nil
}

func (d *Decoder) topMember(r *jsontext.Reader, key string, p *pass) error {
	if rank := d.timeRank(key); rank != noTime {
		if done, err := d.plainTime(r, rank, p); done || err != nil {
			return err
		}
	}
	switch {
	case key == d.dataField && r.Peek() == jsontext.Object:
		d.slab, p.skipped, p.envelope, p.arrays = d.slab[:d.start], 0, true, false
		return d.plainObject(r, "", 1, p)
	case key == d.dataField && r.Peek() == jsontext.Array:
		return errNotPlain
	case p.envelope:
		return r.Skip()
	}
	return d.plainMember(r, "", key, 0, p)
}

// plainTime reads a time, unless the value is not one: then the member is a measure, and done is false.
func (d *Decoder) plainTime(r *jsontext.Reader, rank timeRank, p *pass) (done bool, err error) {
	v := node{kind: r.Peek()}
	at := *r
	switch v.kind {
	case jsontext.Null:
		return true, r.Skip()
	case jsontext.Number:
		v.text, err = r.NumberText()
	case jsontext.String:
		v.text, err = r.Text()
	default:
		return false, notATime(rank)
	}
	if err != nil {
		return false, err
	}
	if m, ok := d.moment(&v, rank); ok {
		return true, p.take(&m, rank)
	}
	*r = at
	return false, notATime(rank)
}

// notATime leaves the error of a documented name to the general reader; of any other name, the member is a measure.
func notATime(rank timeRank) error {
	if rank.documented() {
		return errNotPlain
	}
	return nil
}

// take keeps the time of the first of the documented names. Which of other names decides, the general reader knows.
func (p *pass) take(m *moment, rank timeRank) error {
	switch {
	case p.rank == noTime:
	case !rank.documented() || !p.rank.documented():
		return errNotPlain
	case rank > p.rank:
		return nil
	}
	p.moment, p.rank = *m, rank
	return nil
}

func (d *Decoder) plainObject(r *jsontext.Reader, prefix string, depth int, p *pass) error {
	if depth > maxDepth {
		return tooDeep()
	}
	if err := r.Enter('{'); err != nil {
		return err
	}
	for first := true; ; first = false {
		key, ok, err := r.Member(first)
		if err != nil || !ok {
			return err
		}
		if p.envelope && prefix == "" && d.timeRank(key) != noTime {
			return errNotPlain // a time inside the data
		}
		if err := d.plainMember(r, prefix, key, depth, p); err != nil {
			return err
		}
	}
}

// plainMember reads a value as one measure, an object as many.
func (d *Decoder) plainMember(r *jsontext.Reader, prefix, key string, depth int, p *pass) error {
	kind := r.Peek()
	switch kind {
	case jsontext.Null:
		p.skipped++
		return r.Skip()
	case jsontext.Array:
		if p.envelope {
			return errNotPlain
		}
		p.arrays = true
		return r.Skip()
	}
	if key == "" {
		return emptyName()
	}
	name := d.join(prefix, key)
	switch kind {
	case jsontext.Object:
		return d.plainObject(r, name, depth+1, p)
	case jsontext.Number:
		text, err := r.NumberText()
		if err != nil {
			return err
		}
		if text, err = finite(text); err != nil {
			return err
		}
		d.add(Measure{Name: name, Text: text, Kind: Number})
	case jsontext.Bool:
		v, err := r.Bool()
		if err != nil {
			return err
		}
		d.add(Measure{Name: name, Text: strconv.FormatBool(v), Kind: Bool})
	case jsontext.String:
		text, err := r.Text()
		if err != nil {
			return err
		}
		d.add(Measure{Name: name, Text: text, Kind: String})
	default:
		return r.Skip() // Skip rejects what is not a value
	}
	return nil
}
