"""Files of captions: tables, COCO's and Karpathy's JSON."""
