// ECMA-262, Number::toString(x, 10): https://tc39.es/ecma262/#sec-numeric-types-number-tostring
using System.Buffers.Text;
using System.Diagnostics;
using System.Globalization;

namespace Ssb.Wire;

/// <summary>Writes a number as JavaScript writes it.</summary>
internal static class JavaScriptNumber
{
    /// <summary>No number takes more characters, e.g. -0.0000012345678901234567 or -1.2345678901234567e-300.</summary>
    internal const int MaxLength = 32;

    /// <returns>How many bytes of <paramref name="destination"/> were written.</returns>
    internal static int Format(double value, Span<byte> destination)
    {
        Debug.Assert(double.IsFinite(value) && destination.Length >= MaxLength);
        if (value == 0) // and so -0, which JavaScript writes without its sign
        {
            destination[0] = (byte)'0';
            return 1;
        }

        // .NET finds the same digits, the fewest that read back as the same number, and lays them out differently.
        Span<byte> shortest = stackalloc byte[MaxLength];
        _ = value.TryFormat(shortest, out int length, "R", CultureInfo.InvariantCulture);
        Span<byte> digits = stackalloc byte[MaxLength];
        ReadDigits(shortest[..length], digits, out int count, out int point);
        digits = digits[..count];

        int at = 0;
        if (value < 0)
            destination[at++] = (byte)'-';

        if (count <= point && point <= 21) // 1200
        {
            Put(digits, destination, ref at);
            destination.Slice(at, point - count).Fill((byte)'0');
            at += point - count;
        }
        else if (point is > 0 and <= 21) // 12.5
        {
            Put(digits[..point], destination, ref at);
            destination[at++] = (byte)'.';
            Put(digits[point..], destination, ref at);
        }
        else if (point is > -6 and <= 0) // 0.00125
        {
            Put("0."u8, destination, ref at);
            destination.Slice(at, -point).Fill((byte)'0');
            at += -point;
            Put(digits, destination, ref at);
        }
        else // 1.25e-7
        {
            destination[at++] = digits[0];
            if (count > 1)
            {
                destination[at++] = (byte)'.';
                Put(digits[1..], destination, ref at);
            }

            destination[at++] = (byte)'e';
            destination[at++] = (byte)(point - 1 < 0 ? '-' : '+');
            _ = Utf8Formatter.TryFormat(Math.Abs(point - 1), destination[at..], out int written);
            at += written;
        }

        return at;
    }

    /// <summary>Splits e.g. <c>-1.25E-07</c> into digits <c>125</c> and the place of the point before or behind them (-6).</summary>
    private static void ReadDigits(ReadOnlySpan<byte> text, Span<byte> digits, out int count, out int point)
    {
        count = 0;
        int exponent = 0, whole = -1;
        for (int i = text[0] == (byte)'-' ? 1 : 0; i < text.Length; i++)
        {
            byte b = text[i];
            if (b == (byte)'E')
            {
                _ = int.TryParse(text[(i + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out exponent);
                break;
            }

            if (b == (byte)'.')
                whole = count;
            else
                digits[count++] = b;
        }

        point = (whole < 0 ? count : whole) + exponent;

        int zeros = 0;
        while (digits[zeros] == (byte)'0')
            zeros++;
        digits[zeros..count].CopyTo(digits);
        count -= zeros;
        point -= zeros;
        while (digits[count - 1] == (byte)'0')
            count--;
    }

    private static void Put(ReadOnlySpan<byte> bytes, Span<byte> destination, ref int at)
    {
        bytes.CopyTo(destination[at..]);
        at += bytes.Length;
    }
}
