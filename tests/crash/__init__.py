"""kill -9 at every step of intake, over real sockets: nothing acknowledged is lost, nothing is there twice."""
