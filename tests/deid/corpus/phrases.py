"""What is said in descriptions: phrases that stay, and ways to put a person beside them."""

# Every word of these must stay.
RESEARCH = """
CT ABDOMEN PELVIS WITH CONTRAST PORTAL VENOUS
CT ANGIO PULMONARY ARTERIES
HRCT LUNG INSPIRATION 1.25mm
CTA HEAD AND NECK CAROTID BIFURCATION
Low dose chest screening CT
CT colonography prone and supine
CT urography delayed phase 10 min
Dual energy CT gout protocol
THIN SLICE BONE KERNEL B70f
CT PERFUSION BRAIN CBF CBV MTT
MRI BRAIN W WO CONTRAST
AX DWI b0 b500 b1000
SAG T1 SE
COR T2 STIR
3D FLAIR CUBE
SWI minimum intensity projection
MR ENTEROGRAPHY
MRCP thick slab
mpMRI prostate ADC map
DCE breast subtraction 1
Cardiac cine SSFP 4 chamber
late gadolinium enhancement short axis
resting state fMRI EPI TR 2000
phase contrast flow aorta VENC 150
ASL perfusion
MR spectroscopy TE 135
NM BONE SCAN WHOLE BODY
FDG PET/CT skull base to mid thigh
Ga-68 DOTATATE PET
F-18 florbetapir amyloid
PSMA PET CT attenuation corrected
Tc-99m sestamibi myocardial perfusion stress
I-131 post therapy scan
US THYROID
Duplex ultrasound of lower extremity veins
Fetal biometry second trimester
Echocardiogram parasternal long axis
XR CHEST PA AND LATERAL
Pelvis AP portable
Left hip frog leg lateral
Panoramic dental
MAMMO SCREENING BILATERAL TOMOSYNTHESIS
R CC
L MLO spot compression
Stereotactic biopsy right breast 10 o'clock
RT planning CT 3 mm
Boost 50 Gy in 25 fractions
PTV CTV OAR rectum bladder
cone beam CT
Deep inspiration breath hold
Liver segmentectomy, no residual tumor
hepatocellular carcinoma LI-RADS 5
ground glass opacity right upper lobe
spiculated nodule 8 x 6 mm
glioblastoma multiforme, status post resection
ischemic stroke left middle cerebral artery
multiple sclerosis follow up
pancreatic ductal adenocarcinoma staging
renal cell carcinoma, cystic, Bosniak 3
pulmonary embolism suspected
rule out appendicitis
shortness of breath and fever
metastatic melanoma to the lung
non-small cell lung cancer, stage IIIA
chronic obstructive pulmonary disease
osteoarthritis of the knee
aortic aneurysm 5.2 cm infrarenal
Couinaud segment VIII lesion
Ultravist 370 intravenous
Visipaque 320 oral and rectal
Dotarem 0.1 mmol/kg
Iohexol bolus tracking
scout
localizer
MIP coronal
MPR sagittal bone window
iterative reconstruction ADMIRE 3
retrospective gating 75% R-R
arterial phase caudal to cranial
No comparison available
Motion artifacts, limited quality
Phantom calibration water
""".strip().splitlines()

# <...> as in texts.py, {} the phrase. Names that are words too stand where they are clearly a person's.
BESIDE = (
    "{} <F>, <G>",
    "{} (<F>^<G>)",
    "<F>^<G> {}",
    "<G> <F>: {}",
    "{} for Mr. <F>",
    "{} Dr <REF>",
    "{} / Dr. <REF>",
    "{} MRN <ID>",
    "{} #<ID>",
    "<ID>_{}",
    "{} acc# <ACC>",
    "{} [<ACC>]",
    "{} tel <PH>",
    "{}; e-mail <EM>",
    "{} <dob:DOB: %m/%d/%Y>",
    "{} <dob:DOB %d-%b-%Y>",
    "{} performed on <d:%Y-%m-%d>",
    "{} vs <d:%d/%m/%Y>",
    "<d:%Y%m%d> {}",
    "{} at <HOSP>",
    "{} <SERIAL>",
    "{} by <OPERATOR>",
    "{} called to <UNKNOWN>",
    "{} SSN <SSN>",
)
DISTINCT_BESIDE = ("{} <F>", "<F> {}", "{} <I>. <F>", "{} <I><F>", "{} <F>, <I>.", "{} pt <F>", "{}_<F>", "{} <G>")
# Persons whom no element names: a title, or a word that is nobody's vocabulary, tells.
UNKNOWN = ("Dr. Pfeiffermannhuber", "Mrs. Quillfeatherley", "Prof. Oberstolzenfels", "Dr Zwickelbauer")
