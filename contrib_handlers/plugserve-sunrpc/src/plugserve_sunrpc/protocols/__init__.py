"""Published protocols, compiled from the `.x` files beside the modules: rpcbind and portmap, NFSv3, MOUNT and NLM."""
