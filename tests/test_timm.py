"""Every name of timm: all on the meta device, and one of each of timm's modules for real."""

import pytest
import timm
import torch
from timm.models import model_entrypoint

from zoo.backbones.layouts import fits
from zoo.captioner import Captioner
from zoo.parts import Parts
from zoo.registries import BACKBONES
from zoo.vocabulary import SPECIAL, Vocabulary

REASONS = ("no places to look at", "not the 3 of a picture")


def _names(text):
    return text.split()


# Of each of timm's modules the model that costs least, cheap ones first.
QUICK = _names("""
    test_efficientnet test_nfnet test_mambaout test_byobnet test_convnext test_vit test_resnet test_coatnet lcnet_035
    test_vit_relpos starnet_s050 dla46x_c repghostnet_050 mobilevit_xxs ghostnet_050 ese_vovnet19b_slim_dw
    edgenext_xx_small efficientvit_b0 efficientvit_m0 regnetx_002 cspnext_tiny fasternet_t0 iformer_t lcnetv2_small
    swiftformer_xs inception_next_atto efficientformerv2_s0 pvt_v2_b0 rexnet_100 cs3darknet_focus_s hardcorenas_b
    hgnetv2_b0 fastvit_t8 repvit_m1 cpubone_nano tiny_vit_5m_224 coat_tiny eva02_tiny_patch14_224 convit_tiny
    deit_tiny_patch16_224 efficientvim_m1 gmlp_ti16_224 shvit_s1 vit_tiny_r_s16_p8_224 levit_128s crossvit_tiny_240
    xcit_nano_12_p8_224 densenet121 dpn48b resnest14d visformer_tiny hrnet_w18_small resnetv2_18 legacy_seresnet18
    poolformerv2_s12 efficientformer_l1 skresnet18 gcvit_xxtiny lowformer_b0
""")
SLOW = _names("""
    halonet_h1 cait_xxs24_224 nest_tiny
    convmixer_768_32 vitamin_small_224 res2next50 rdnet_tiny tnt_s_legacy_patch16_224 mvitv2_tiny twins_svt_small
    volo_d1_224 hiera_tiny_224 sequencer2d_s swin_tiny_patch4_window7_224 swinv2_cr_tiny_224 davit_tiny
    focalnet_tiny_srf selecsls42 tresnet_m nextvit_small swinv2_tiny_window8_256 legacy_xception inception_v3
    xception41p hieradet_small csatv2 inception_v4 samvit_base_patch16_224 beit_base_patch16_224 inception_resnet_v2
    mobilenetv5_base vgg11 pnasnet5large nasnetalarge naflexvit_base_patch16_parfac_gap qwen3_vit_88m(image_size=224)
    gemma4_vit_167m(image_size=240) deepseek_vit_412m(image_size=224)
""")
NO_PLACES = "pit"  # the one module whose models end in class tokens


def spec(name):
    head, paren, options = f"timm/{name}".partition("(")
    return f"{head}(pretrained=False, {options}" if paren else f"{head}(pretrained=False)"


@pytest.mark.every_timm_model
@pytest.mark.parametrize("name", timm.list_models())
def test_every_model_gives_features_or_is_refused_with_a_reason(name, record_property):
    record_property("timm model", name)
    with torch.device("meta"), torch.no_grad():
        try:
            backbone = BACKBONES.build(spec(name)).eval()
        except ValueError as error:
            if not any(reason in str(error) for reason in REASONS):
                raise
            record_property("refused", str(error))
            return
        features = backbone(torch.empty(2, 3, *backbone.preprocess.size))
    assert features.tokens.shape == (2, features.grid[0] * features.grid[1], backbone.feature_dim)
    assert fits(features.grid, backbone.preprocess.size)
    assert backbone.feature_dim in (backbone.model.feature_info[-1]["num_chs"], backbone.model.num_features)
    assert backbone.preprocess.interpolation in ("bicubic", "bilinear")


def check_for_real(name):
    torch.manual_seed(0)
    parts = Parts.parse(spec(name), "bahdanau(hidden_dim=8)", "lstm(dim=8)")
    backbone = Captioner.build(parts, Vocabulary([*SPECIAL, "dog"])).train().backbone
    size = backbone.preprocess.size
    with torch.inference_mode():
        features = backbone(torch.rand(2, 3, *size))
    assert features.tokens.shape == (2, features.grid[0] * features.grid[1], backbone.feature_dim)
    assert features.tokens.isfinite().all()
    assert not torch.equal(features.tokens[0], features.tokens[1])


@pytest.mark.parametrize("name", QUICK)
def test_a_model_of_this_module_runs(name):
    check_for_real(name)


@pytest.mark.every_timm_module
@pytest.mark.parametrize("name", SLOW)
def test_a_big_model_of_this_module_runs(name):
    check_for_real(name)


@pytest.mark.every_timm_module
def test_no_module_is_forgotten():
    def modules(names):
        return {model_entrypoint(name.partition("(")[0]).__module__.rpartition(".")[2] for name in names}

    assert modules(QUICK + SLOW) | {NO_PLACES} == modules(timm.list_models())


def test_a_model_without_places_is_refused_and_its_stages_are_not():
    with pytest.raises(ValueError, match="timm/pit_ti_224 gives one vector for the whole image"):
        BACKBONES.build(spec("pit_ti_224"))
    assert BACKBONES.build(spec("pit_ti_224(stages=-1)")).feature_dim == 256
