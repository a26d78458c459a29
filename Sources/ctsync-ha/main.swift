print("ctsync-ha")
