using System.Text;
using CsCheck;

namespace Ssb.Conn.Staging.Tests.Text;

/// <summary>Text of a stranger cannot begin a line, steer a terminal, reorder what is around it or hide.</summary>
public class StrangerTextTests
{
    [Theory]
    [InlineData("plain text, 100% \"quoted\" ~", "plain text, 100% \"quoted\" ~")]
    [InlineData("Zoë says 你好 🙂", "Zoë says 你好 🙂")]
    [InlineData("e\u0301", "e\u0301")]
    [InlineData("\e[2J\e]0;title\u0007", "?[2J?]0;title?")] // escape sequences
    [InlineData("\u009b2J\u0085", "?2J?")] // C1
    [InlineData("a\r\nfail: b\tc\0", "a??fail: b?c?")]
    [InlineData("a\u2028b\u2029c", "a?b?c")]
    [InlineData("\u202Aa\u202Bb\u202Cc\u202Dd\u202Ee", "?a?b?c?d?e")]
    [InlineData("\u2066a\u2067b\u2068c\u2069\u200E\u200F\u061C", "?a?b?c????")]
    [InlineData("a\u200Bb\u200Cc\u200Dd\uFEFFe\u2060f\u00ADg\u180Eh", "a?b?c?d?e?f?g?h")]
    [InlineData("\u3164\u115F\u1160\uFFA0\u2800", "?????")] // letters and symbols that are blank
    [InlineData("a\U000E0041b\uE000\uFFFF", "a?b??")] // tags, private use, no character
    [InlineData("a\u00A0b\u3000c", "a b c")]
    [InlineData("a\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301b", "a\u0301\u0301\u0301\u0301b")] // a stack of marks
    [InlineData("", "")]
    [InlineData(null, "")]
    public void Show_StrangersText_IsPrintableOnOneLine(string? text, string shown) => Assert.Equal(shown, StrangerText.Show(text));

    [Fact]
    public void Show_LoneSurrogate_IsReplaced()
    {
        Assert.Equal("a\uFFFDb\uFFFD", StrangerText.Show("a\ud800b\udc00"));
        Assert.Equal("\uFFFD", StrangerText.Show("\ud83d"));
    }

    [Theory]
    [InlineData(200, 200)]
    [InlineData(201, 200)]
    [InlineData(1_000_000, 200)]
    public void Show_LongText_IsCut(int length, int expected)
    {
        string shown = StrangerText.Show(new string('a', length));
        Assert.Equal(expected, shown.Length);
        Assert.Equal(length > 200, shown.EndsWith("...", StringComparison.Ordinal));
    }

    [Fact]
    public void Show_CutWithinAPair_LeavesNoHalf() =>
        Gen.Select(Gen.Int[3, 12], Gen.Int[0, 20]).Sample((length, before) =>
        {
            string shown = StrangerText.Show(new string('a', before) + "🙂🙂🙂🙂🙂🙂", length);
            Assert.True(shown.Length <= length);
            Assert.DoesNotContain('\uFFFD', shown);
            Assert.Equal(shown, Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(shown)));
        });

    [Fact]
    public void Show_AnyText_IsSafeAndShownAgainTheSame() =>
        Gen.Select(Gen.String[Gen.Char, 0, 60], Gen.Int[3, 40]).Sample((text, length) =>
        {
            string shown = StrangerText.Show(text, length);
            Assert.True(shown.Length <= length);
            Assert.DoesNotContain(shown.EnumerateRunes(), StrangerText.IsUnsafe);
            Assert.Equal(shown, StrangerText.Show(shown, length));
        });
}
