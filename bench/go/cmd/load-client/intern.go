package main

import "sync"

var (
	internLock sync.RWMutex
	internPool = map[string]string{}
)

// interned keeps one string for equal bytes: thousands of sidecars remember the same names.
func interned(value []byte) string {
	internLock.RLock()
	known, ok := internPool[string(value)]
	internLock.RUnlock()
	if ok {
		return known
	}
	internLock.Lock()
	defer internLock.Unlock()
	fresh := string(value)
	internPool[fresh] = fresh
	return fresh
}
