// ECMA-262, Number::toString(x, 10): https://tc39.es/ecma262/#sec-numeric-types-number-tostring
using System.Globalization;

namespace Ssb;

/// <summary>Writes a number as JavaScript, and so <c>JSON.stringify</c>, writes it.</summary>
/// <remarks>The fewest digits that are read back the same, and an exponent only from 1e21 up and below 1e-6. .NET finds the same
/// digits, and sets them differently (1E+21, 1E-07, -0).</remarks>
internal static class JavaScriptNumber
{
    /// <param name="value">A finite number.</param>
    public static string Format(double value)
    {
        string[] parts = Math.Abs(value).ToString("R", CultureInfo.InvariantCulture).Split('E');
        string[] sides = parts[0].Split('.');
        string all = string.Concat(sides);
        string digits = all.TrimStart('0');
        if (digits.Length == 0)
            return "0";
        // The value is 0.DIGITS times ten to the power of this:
        int power = sides[0].Length + (parts.Length > 1 ? int.Parse(parts[1], CultureInfo.InvariantCulture) : 0) - (all.Length - digits.Length);
        digits = digits.TrimEnd('0');
        string text = power switch
        {
            > 21 or <= -6 => digits[..1] + (digits.Length > 1 ? "." : "") + digits[1..] + (power > 0 ? "e+" : "e-") + Math.Abs(power - 1),
            <= 0 => "0." + new string('0', -power) + digits,
            _ when digits.Length <= power => digits.PadRight(power, '0'),
            _ => digits[..power] + "." + digits[power..],
        };
        return value < 0 ? "-" + text : text;
    }
}
