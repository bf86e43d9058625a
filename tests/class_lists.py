"""Files in which tools and data sets list their classes, with what was drawn and what is read."""

from __future__ import annotations

import json

from encoding_zoo import VOID

ROAD, CAR, BLACK = (128, 64, 128), (64, 0, 128), (0, 0, 0)
COLORS, NUMBERS = (ROAD, CAR, BLACK), (0, 1, 2)
SUPERANNOTATE = json.dumps(
    [{"id": 1, "name": "road", "color": "#804080"}, {"id": 2, "name": "car", "color": "#400080"}]
)
NNUNET = json.dumps({"channel_names": {"0": "RGB"}, "labels": {"background": 0, "road": 1, "ignore": 2}})
HASTY = json.dumps(
    [{"png_index": n, "class_name": name, "color": "#804080ff"} for n, name in ((1, "road"), (2, "car"))]
)

#: The file, its content, the values of what was drawn, the names, and the label of each value that was drawn.
FITTING = {
    "CVAT": (
        "labelmap.txt",
        "# label:color_rgb:parts:actions\nroad:128,64,128::\ncar:64,0,128::\nbackground:0,0,0::\n",
        COLORS,
        ("road", "car", "background"),
        (0, 1, 2),
    ),
    "CamVid": (
        "label_colors.txt",
        "128 64 128\tRoad\n64 0 128\t\tCar\n0 0 0\tVoid\n",
        COLORS,
        ("Road", "Car"),
        (0, 1, VOID),
    ),
    "name first": (
        "label_colors.txt",
        "Wide road 128, 64, 128\nCar 64, 0, 128\nunlabelled 0, 0, 0\n",
        COLORS,
        ("Wide road", "Car"),
        (0, 1, VOID),
    ),
    "class_dict": (
        "class_dict.csv",
        "name,r,g,b\nRoad,128,64,128\nCar,64,0,128\nVoid,0,0,0\n",
        COLORS,
        ("Road", "Car"),
        (0, 1, VOID),
    ),
    "class_dict of a German Excel": (
        "class_dict.csv",
        "\ufeffname;r;g;b\n Straße;128;64;128\nAuto;64;0;128\nRest;0;0;0\n",
        COLORS,
        ("Straße", "Auto", "Rest"),
        (0, 1, 2),
    ),
    "class_dict of more classes": (
        "class_dict.csv",
        "name,r,g,b\nSky,1,2,3\nRoad,128,64,128\nTree,4,5,6\nCar,64,0,128\nOther,0,0,0\n",
        COLORS,
        ("Road", "Car", "Other"),
        (0, 1, 2),
    ),
    "two colours of one name": (
        "class_dict.csv",
        "name,r,g,b\nRoad,128,64,128\nRoad,64,0,128\nRest,0,0,0\n",
        COLORS,
        ("Road", "Rest"),
        (0, 0, 1),
    ),
    "with numbers and colours": (
        "class_dict.csv",
        "id,name,r,g,b\n0,sky,9,9,9\n2,car,64,0,128\n1,road,128,64,128\n",
        NUMBERS,
        ("sky", "car", "road"),
        (0, 2, 1),
    ),
    "Roboflow": (
        "_classes.csv",
        "Pixel Value, Class\n0, background\n1, crack\n2, rust\n",
        NUMBERS,
        ("background", "crack", "rust"),
        (0, 1, 2),
    ),
    "Roboflow in the folder of masks": (
        "masks/_classes.csv",
        "Pixel Value, Class\n0, background\n1, crack\n2, rust\n",
        NUMBERS,
        ("background", "crack", "rust"),
        (0, 1, 2),
    ),
    "nnU-Net": ("dataset.json", NNUNET, NUMBERS, ("background", "road"), (0, 1, VOID)),
    "nnU-Net, first version": (
        "dataset.json",
        '{"labels": {"0": "background", "1": "a", "2": "b"}}',
        NUMBERS,
        ("background", "a", "b"),
        (0, 1, 2),
    ),
    "Mapillary Vistas": (
        "config_v2.0.json",
        json.dumps(
            {
                "labels": [
                    {"name": f"a--{name}", "readable": name, "color": [1, 2, n]}
                    for n, name in enumerate(("Bird", "Road", "Curb", "Unlabeled"))
                ]
            }
        ),
        NUMBERS,
        ("Bird", "Road", "Curb"),
        (0, 1, 2),
    ),
    "FoodSeg103": (
        "category_id.txt",
        "0\tbackground\n1\tegg tart\n2\tfrench fries\n",
        NUMBERS,
        ("background", "egg tart", "french fries"),
        (0, 1, 2),
    ),
    "SuperAnnotate in its folder": (
        "classes/classes.json",
        SUPERANNOTATE,
        COLORS,
        ("background", "road", "car"),
        (1, 2, 0),
    ),
    "Hugging Face": (
        "id2label.json",
        '{"0": "unlabeled", "1": "flat-road", "2": "human-person"}',
        NUMBERS,
        ("flat-road", "human-person"),
        (VOID, 0, 1),
    ),
    "Hugging Face, the configuration of a model": (
        "config.json",
        '{"architectures": [], "id2label": {"0": "sky", "1": "road", "2": "car"}, "label2id": {}}',
        NUMBERS,
        ("sky", "road", "car"),
        (0, 1, 2),
    ),
    "Hasty": ("label_classes.json", HASTY, NUMBERS, ("background", "road", "car"), (0, 1, 2)),
    "SuperAnnotate": (
        "classes.json",
        SUPERANNOTATE,
        COLORS,
        ("background", "road", "car"),
        (1, 2, 0),
    ),
    "Supervisely": (
        "meta.json",
        json.dumps(
            {
                "classes": [
                    {"title": "rest", "color": "#000000"},
                    {"title": "road", "color": "#804080"},
                    {"title": "car", "color": "#400080"},
                ]
            }
        ),
        COLORS,
        ("rest", "road", "car"),
        (1, 2, 0),
    ),
    "labelme": (
        "class_names.txt",
        "__ignore__\n_background_\nroad\ncar\nbike\n",
        NUMBERS,
        ("background", "road", "car"),
        (0, 1, 2),
    ),
    "label_names.txt on top": (
        "label_names.txt",
        "_background_\nroad\ncar\n",
        NUMBERS,
        ("background", "road", "car"),
        (0, 1, 2),
    ),
    "255 is void beside them": (
        "_classes.csv",
        "Pixel Value, Class\n0, bg\n1, crack\n",
        (0, 1, 255),
        ("bg", "crack"),
        (0, 1, VOID),
    ),
    "unlabeled beside one class": (
        "_classes.csv",
        "Pixel Value, Class\n0, unlabeled\n1, crack\n",
        (0, 1),
        ("unlabeled", "crack"),
        (0, 1),
    ),
    "colours, and masks of their places": (
        "labelmap.txt",
        "sky:1,2,3::\nroad:128,64,128::\ncar:64,0,128::\n",
        NUMBERS,
        ("sky", "road", "car"),
        (0, 1, 2),
    ),
    "black and white": (
        "class_dict.csv",
        "name,r,g,b\ncrack,255,255,255\nrest,0,0,0\n",
        (0, 255),
        ("crack", "rest"),
        (1, 0),
    ),
}
