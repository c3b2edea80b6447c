// A runtime made of CNI's Go library and nothing else: it makes the calls that container runtimes leave out.
//
// usage: client add|check|del LIST NETNS CONTAINER IFNAME [CAPABILITIES], with CNI_PATH and CNI_CACHE in the environment;
// the library keeps results in CNI_CACHE, from which CHECK and DEL get their prevResult.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/containernetworking/cni/libcni"
)

func main() {
	if err := call(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func call(verb, file string, attachment []string) error {
	list, err := libcni.ConfListFromFile(file)
	if err != nil {
		return err
	}
	config := &libcni.RuntimeConf{NetNS: attachment[0], ContainerID: attachment[1], IfName: attachment[2]}
	if len(attachment) > 3 {
		if err := json.Unmarshal([]byte(attachment[3]), &config.CapabilityArgs); err != nil {
			return err
		}
	}
	cni := libcni.NewCNIConfigWithCacheDir(filepath.SplitList(os.Getenv("CNI_PATH")), os.Getenv("CNI_CACHE"), nil)
	ctx := context.Background()
	switch verb {
	case "check":
		return cni.CheckNetworkList(ctx, list, config)
	case "del":
		return cni.DelNetworkList(ctx, list, config)
	}
	result, err := cni.AddNetworkList(ctx, list, config)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}
