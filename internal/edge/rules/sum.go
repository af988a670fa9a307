package rules

import "math"

// sum adds numbers exactly, so that an average does not depend on their order: partial sums that do not overlap, by
// Shewchuk's algorithm, as in Python's math.fsum. There are hardly ever more than three.
type sum []float64

func (s *sum) add(x float64) {
	partials := (*s)[:0]
	for _, y := range *s {
		if math.Abs(x) < math.Abs(y) {
			x, y = y, x
		}
		high := x + y
		if low := y - (high - x); low != 0 {
			partials = append(partials, low)
		}
		x = high
	}
	*s = append(partials, x)
}

// over returns the sum divided by n, after one rounding of the sum. It is infinite if the sum is beyond the doubles.
func (s sum) over(n int64) float64 {
	total, low := 0.0, 0.0
	i := len(s) - 1
	if i >= 0 {
		total = s[i]
	}
	for i > 0 && low == 0 {
		i--
		x := total
		total = x + s[i]
		low = s[i] - (total - x)
	}
	// Half of the last digit rounds to even; what is below the half decides.
	if i > 0 && (low < 0 && s[i-1] < 0 || low > 0 && s[i-1] > 0) {
		y := low * 2
		if x := total + y; y == x-total {
			total = x
		}
	}
	return total / float64(n)
}

// finite reports whether the sum is within the doubles.
func (s sum) finite() bool {
	for _, x := range s {
		if math.IsInf(x, 0) || math.IsNaN(x) {
			return false
		}
	}
	return true
}
