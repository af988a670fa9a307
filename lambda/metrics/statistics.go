package metrics

import "math"

// sample is a value with the time it was taken, in milliseconds since 1970.
type sample struct {
	at    int64
	value float64
}

// statistics summarize the values of one measure of one device.
type statistics struct {
	count            int64
	sum              exactSum
	minimum, maximum float64
	first, last      sample // by time; of equal times, the earlier and the later in the stream
}

// maxMagnitude is the largest magnitude of a value, and its inverse the smallest. Within it, every sum and average is a
// number that DynamoDB can hold (1E-130 to 9.9E+125), however many values there are.
const maxMagnitude = 1e100

// countable reports whether a value can be counted.
func countable(v float64) bool {
	m := math.Abs(v)
	return m == 0 || 1/maxMagnitude <= m && m <= maxMagnitude
}

// add takes the next value of the stream.
func (s *statistics) add(v sample) {
	v.value += 0 // there is no negative zero
	if s.count == 0 {
		s.minimum, s.maximum, s.first, s.last = v.value, v.value, v, v
	}
	s.count++
	s.sum.add(v.value)
	s.minimum, s.maximum = min(s.minimum, v.value), max(s.maximum, v.value)
	if v.at < s.first.at {
		s.first = v
	}
	if v.at >= s.last.at {
		s.last = v
	}
}

// merge takes the statistics of what came later in the stream.
func (s *statistics) merge(later *statistics) {
	if later.count == 0 {
		return
	}
	if s.count == 0 {
		*s = *later
		s.sum = append(exactSum(nil), later.sum...)
		return
	}
	s.count += later.count
	for _, part := range later.sum {
		s.sum.add(part)
	}
	s.minimum, s.maximum = min(s.minimum, later.minimum), max(s.maximum, later.maximum)
	if later.first.at < s.first.at {
		s.first = later.first
	}
	if later.last.at >= s.last.at {
		s.last = later.last
	}
}

func (s *statistics) average() float64 { return s.sum.value() / float64(s.count) }

// exactSum is a sum without rounding, so that it does not depend on how the values were grouped: numbers whose digits
// do not overlap, in rising order. Telemetry needs one or two. (Shewchuk, "Adaptive precision floating-point
// arithmetic", 1997; Python's math.fsum does the same.)
type exactSum []float64

func (s *exactSum) add(x float64) {
	parts := *s
	n := 0
	for _, y := range parts {
		if math.Abs(x) < math.Abs(y) {
			x, y = y, x
		}
		high := x + y
		if low := y - (high - x); low != 0 {
			parts[n] = low
			n++
		}
		x = high
	}
	parts = parts[:n]
	if x != 0 {
		parts = append(parts, x)
	}
	*s = parts
}

// value rounds the sum to the nearest double.
func (s exactSum) value() float64 {
	n := len(s)
	if n == 0 {
		return 0
	}
	n--
	high, low := s[n], 0.0
	for n > 0 && low == 0 {
		n--
		x := high
		high = x + s[n]
		low = s[n] - (high - x)
	}
	// A tie was rounded to even without regard to the parts below, which break it.
	if n > 0 && (low < 0 && s[n-1] < 0 || low > 0 && s[n-1] > 0) {
		if twice := 2 * low; high+twice-high == twice {
			high += twice
		}
	}
	return high
}
