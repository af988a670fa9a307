package broker

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/config"
)

const (
	// refusalPause is how long the answer to a wrong name or password takes at least, so that it does not tell which of
	// both was wrong, and guessing is slow.
	refusalPause = 500 * time.Millisecond
	// maxGuesses is how many wrong passwords of one child the broker checks from one address in guessesEvery. The good
	// one that it knows it accepts anyway.
	maxGuesses   = 10
	guessesEvery = time.Minute
	// maxGuessers bounds the memory for them.
	maxGuessers = 1024
)

// A checker checks passwords. A hash takes tens of milliseconds, on a small gateway hundreds: so it makes a few at a
// time only, and remembers in memory what the good password of a child is, for when hundreds connect again at once.
type checker struct {
	slots chan struct{}
	key   []byte

	mu      sync.Mutex
	known   map[string][]byte // by child: a MAC of the good password
	guesses map[guesser]int
	since   time.Time // when guesses began
}

type guesser struct{ child, address string }

func newChecker() *checker {
	c := &checker{slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)), key: make([]byte, sha256.Size),
		known: map[string][]byte{}, guesses: map[guesser]int{}}
	rand.Read(c.key) // never fails
	return c
}

// Why a password is refused.
const (
	wrongPassword  = "unknown user, or wrong password"
	tooManyGuesses = "too many wrong passwords from its address: it has to wait for a minute"
)

// check returns why a password is not the child's, "" if it is. done ends the wait for a turn.
func (c *checker) check(child, remote string, hash config.PasswordHash, password []byte, done <-chan struct{}) string {
	sum := c.sum(hash, password)
	from := guesser{child, addressOf(remote)}
	if c.is(child, sum) {
		return ""
	}
	if !c.mayGuess(from) {
		return tooManyGuesses
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-done:
		return wrongPassword
	}
	if !c.is(child, sum) && !hash.Matches(password) {
		return wrongPassword
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known[child] = sum
	delete(c.guesses, from)
	return ""
}

// sum is what is remembered of a good password.
func (c *checker) sum(hash config.PasswordHash, password []byte) []byte {
	mac := hmac.New(sha256.New, c.key)
	mac.Write(append([]byte(hash), 0))
	mac.Write(password)
	return mac.Sum(nil)
}

func (c *checker) is(child string, sum []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return hmac.Equal(c.known[child], sum)
}

// mayGuess counts an attempt, and reports whether it may be made.
func (c *checker) mayGuess(from guesser) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.since) > guessesEvery || len(c.guesses) >= maxGuessers {
		clear(c.guesses)
		c.since = time.Now()
	}
	if c.guesses[from] >= maxGuesses {
		return false
	}
	c.guesses[from]++
	return true
}

// addressOf is the address of a host:port without what its owner can choose: the half of an IPv6 address.
func addressOf(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	ip := net.ParseIP(host)
	if err != nil || ip == nil || ip.To4() != nil {
		return host
	}
	return ip.Mask(net.CIDRMask(64, 128)).String()
}
